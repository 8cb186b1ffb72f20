"""Workers of a batch on a cluster: actors of Ray Data, one recognizer each.

The one module that imports Ray. A task whose node is lost is run again on another one; its results
have the same name, so they are there once.
"""

import os
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

from voxport.batch.worker import Counts, Task, WindowEmissions, Worker, WorkerSettings
from voxport.errors import InferenceError, InputError, VoxportError
from voxport.optional_import import import_optional

OWN = "local"  # an address: start Ray on this machine for the run
_INSTALL = 'pip install "voxport[ray]"'
_MOST_BLOCKS = 2000  # of tasks: each costs the scheduler some milliseconds


def run_on_ray(
    settings: WorkerSettings,
    tasks: Sequence[Task],
    address: str,
    workers: int | None,
    cpus: float,
    gpus: float,
) -> Iterator[Counts | WindowEmissions]:
    """Yield the answers of tasks in the order of their ends.

    Args:
        settings: of each worker.
        tasks: to do.
        address: of a running cluster ("auto", "ray://host:10001"), or "local" for one of this run.
        workers: actors; None: as many as the cluster has room for.
        cpus: of a worker.
        gpus: of a worker; 0.25 lets four share one.

    Raises:
        InputError: there is no cluster at the address.
        InferenceError: the workers cannot run there.
    """
    ray = _connect(address)
    data = import_optional("ray.data", "a cluster needs Ray Data", _INSTALL)
    data.DataContext.get_current().enable_progress_bars = False
    most = workers or max(1, int(ray.cluster_resources().get("CPU", 1) // max(cpus, 0.1)) - 1)
    rows = [{"task": pickle.dumps(task)} for task in tasks]
    answers = data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS)).map_batches(
        _Actor,
        batch_size=1,
        batch_format="numpy",
        fn_constructor_args=(settings,),
        compute=data.ActorPoolStrategy(min_size=1, max_size=min(most, len(rows))),
        num_cpus=cpus,
        num_gpus=gpus or None,
    )
    try:
        for row in answers.iter_rows():
            yield pickle.loads(row["answer"])
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, VoxportError):
            raise cause from None
        raise InferenceError(f"on Ray: {str(error).strip().splitlines()[-1]}") from error


class _Actor:
    """A worker, called by Ray Data with one task at a time."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._worker = Worker(settings)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"answer": [pickle.dumps(self._worker.run(pickle.loads(t))) for t in batch["task"]]}


def _connect(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = import_optional("ray", "a cluster needs Ray", _INSTALL)
    if ray.is_initialized():
        return ray
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"no Ray cluster answers at {address!r}: {reason}") from None
    return ray
