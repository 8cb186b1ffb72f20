"""``run_batch``: a job from its input to its report.

Lists the recordings, leaves out those that have a row, divides the rest into partitions and
windows, and counts what the workers answer. Workers are processes here or actors of a cluster.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from voxport.audio.recording import open_recording
from voxport.batch.items import Item, is_local, read_items, read_source, split
from voxport.batch.processes import run_processes
from voxport.batch.store import FORMATS, BatchStore
from voxport.batch.worker import (
    Counts,
    PartitionTask,
    Task,
    WindowEmissions,
    WindowsTask,
    WorkerSettings,
    count_rows,
    join_windows,
)
from voxport.errors import InputError, OutputError, VoxportError, accessing
from voxport.inference.long_recordings import WHOLE_SECONDS, WINDOW_SECONDS
from voxport.recognizer import Recognizer
from voxport.results.folder_lock import FolderLock

ROWS = 200  # of a partition
_LEAST_BYTES_A_SECOND = 1_000  # of any codec: a smaller file is no long recording
_WINDOWS_A_TASK = 8


@dataclass(frozen=True)
class Cluster:
    """Place of a batch's run: this machine, or Ray."""

    workers: int | None = None  # None: one here, as many as there is room for on Ray
    address: str | None = None  # of Ray; None: processes on this machine
    cpus: float = 1.0  # of a worker on Ray
    gpus: float = 0.0  # of a worker on Ray


@dataclass(frozen=True)
class BatchReport:
    """Counts and failures of a run."""

    rows: int  # written by this run
    kept: int  # that were there
    audio_seconds: float
    wall_seconds: float
    failures: Counter[str] = field(default_factory=Counter[str])  # by kind of error

    @property
    def real_time_factor(self) -> float:
        """Seconds spent for a second of audio; nan without any."""
        return self.wall_seconds / self.audio_seconds if self.audio_seconds else math.nan


Report = Callable[[int, int, float], None]  # rows done, rows of the job, seconds of audio


def run_batch(
    input_place: str,
    settings: WorkerSettings,
    cluster: Cluster | None = None,
    rows: int = ROWS,
    report: Report | None = None,
) -> BatchReport:
    """Transcribe a folder, a glob or a manifest into a folder of Parquet or JSONL files.

    An interrupted job goes on with the same call: recordings that have a row are left out. Every id
    has one row; a recording that fails has one with its error.

    Args:
        input_place: as in ``voxport.batch.items.read_items``.
        settings: of the workers, and the place and format of the results.
        cluster: where it runs; None: in this process.
        rows: of a partition, the unit that is committed.
        report: called after each partition.

    Returns:
        The counts of this run.

    Raises:
        InputError: the input is not as it must be, or there is no cluster at the address.
        OutputError: the results cannot be written, or the folder holds another job's.
        VoxportError: the package cannot be loaded.

    Examples:
        ```python
        from voxport.batch.run import run_batch
        from voxport.batch.worker import WorkerSettings

        settings = WorkerSettings("commands", "build/batch-example", "jsonl", threads=1)
        report = run_batch("models/commands/samples", settings)
        print(report.rows + report.kept)
        ```
    """
    cluster = cluster or Cluster()
    if settings.form not in FORMATS:
        raise InputError(f"unknown format {settings.form!r}: expected {' or '.join(FORMATS)}")
    if rows < 1:
        raise InputError(f"rows must be at least 1, got {rows}")
    started = time.monotonic()
    items = read_items(input_place)
    recognizer = settings.load("cpu")
    store = BatchStore(settings.output, settings.form)
    with ExitStack() as held:
        _lock(settings.output, held)
        store.open_job(f"{recognizer.result_settings} {settings.language or ''}".strip())
        done = store.done_ids()
        left = [item for item in items if item.id not in done]
        tasks = _plan(left, rows, cluster, recognizer)
        counts = _Total(len(items), len(items) - len(left), report)
        for count in _answers(tasks, settings, cluster, recognizer, store):
            counts.add(count)
    return BatchReport(
        counts.rows,
        len(items) - len(left),
        counts.audio_seconds,
        time.monotonic() - started,
        counts.failures,
    )


class _Total:
    """Counts of all answers."""

    def __init__(self, total: int, kept: int, report: Report | None) -> None:
        self.rows, self.audio_seconds, self.failures = 0, 0.0, Counter[str]()
        self._total, self._kept, self._report = total, kept, report

    def add(self, count: Counts) -> None:
        self.rows += count.rows
        self.audio_seconds += count.audio_seconds
        self.failures += count.failures
        if self._report:
            self._report(self._kept + self.rows, self._total, self.audio_seconds)


def _lock(output: str, held: ExitStack) -> None:
    """Keep other runs out of a local folder; object stores have no locks."""
    if is_local(output):
        with accessing(output, OutputError, "cannot be written"):
            Path(output).mkdir(parents=True, exist_ok=True)
        held.enter_context(FolderLock(Path(output)))


def _plan(items: Sequence[Item], rows: int, cluster: Cluster, recognizer: Recognizer) -> list[Task]:
    """Divide the work: windows of long recordings first, then partitions of like length."""
    is_spread = cluster.address is not None or (cluster.workers or 1) > 1
    lengths = {item.id: _long_seconds(item, recognizer) for item in items} if is_spread else {}
    long = [item for item in items if lengths.get(item.id)]
    short = [item for item in items if not lengths.get(item.id)]
    tasks: list[Task] = []
    for item in long:
        tasks += _window_tasks(item, lengths[item.id] or 0.0, 2 * (cluster.workers or 4))
    return [*tasks, *(PartitionTask(tuple(part)) for part in split(short, rows))]


def _long_seconds(item: Item, recognizer: Recognizer) -> float | None:
    """Return the length of a recording that runs in windows, by its header; else None."""
    if item.is_part or (item.bytes and item.bytes < WHOLE_SECONDS * _LEAST_BYTES_A_SECOND):
        return None
    try:
        with open_recording(read_source(item), recognizer.manifest.model.sample_rate) as recording:
            seconds = recording.promised
    except VoxportError:
        return None  # its partition has the error as a row
    return seconds if seconds is not None and seconds > WHOLE_SECONDS else None


def _window_tasks(item: Item, seconds: float, most: int) -> Iterator[WindowsTask]:
    """Divide a long recording; the last task takes all windows that are left."""
    windows = seconds / (WINDOW_SECONDS * 0.75)  # a quarter of each is context
    count = max(1, min(most, round(windows / _WINDOWS_A_TASK)))
    share = max(1, math.ceil(windows / count))
    for number in range(count):
        is_last = number == count - 1
        yield WindowsTask(item, number, number * share, None if is_last else share)


def _answers(
    tasks: Sequence[Task],
    settings: WorkerSettings,
    cluster: Cluster,
    recognizer: Recognizer,
    store: BatchStore,
) -> Iterator[Counts]:
    """Yield the counts of partitions, and of long recordings once all of their tasks are there."""
    if not tasks:
        return
    wanted = Counter(task.item.id for task in tasks if isinstance(task, WindowsTask))
    found: defaultdict[str, list[WindowEmissions]] = defaultdict(list)
    for answer in _run(tasks, settings, cluster):
        if isinstance(answer, Counts):
            yield answer
            continue
        item = answer.task.item
        found[item.id].append(answer)
        if len(found[item.id]) == wanted[item.id]:
            row = join_windows(recognizer, item, found.pop(item.id), recognizer.result_settings)
            store.write([row])
            yield count_rows([row])


def _run(
    tasks: Sequence[Task], settings: WorkerSettings, cluster: Cluster
) -> Iterator[Counts | WindowEmissions]:
    if cluster.address is None:
        return run_processes(settings, tasks, cluster.workers or 1)
    from voxport.batch.ray_data import run_on_ray

    return run_on_ray(settings, tasks, cluster.address, cluster.workers, cluster.cpus, cluster.gpus)
