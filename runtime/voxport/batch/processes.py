"""Workers of a batch on this machine: in this process, or a process each."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from voxport.batch.worker import Counts, Task, WindowEmissions, Worker, WorkerSettings
from voxport.errors import InferenceError

_AHEAD = 2  # tasks a worker that wait in its queue: answers of a long recording need memory here

_worker: list[Worker] = []  # of a worker process


def run_processes(
    settings: WorkerSettings, tasks: Sequence[Task], workers: int
) -> Iterator[Counts | WindowEmissions]:
    """Yield the answers of tasks in the order of their ends; one worker is this process."""
    if workers == 1 or len(tasks) == 1:
        worker = Worker(settings)
        yield from map(worker.run, tasks)
        return
    with ProcessPoolExecutor(
        min(workers, len(tasks)), get_context("spawn"), _start, (settings,)
    ) as pool:
        waiting: set[Future[Counts | WindowEmissions]] = set()
        left = iter(tasks)
        try:
            while True:
                while len(waiting) < _AHEAD * workers and (task := next(left, None)) is not None:
                    waiting.add(pool.submit(_run, task))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            raise InferenceError(
                "a worker was killed, for want of memory perhaps: the same command goes on; "
                "--workers takes fewer"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(settings: WorkerSettings) -> None:
    _worker[:] = [Worker(settings)]


def _run(task: Task) -> Counts | WindowEmissions:
    return _worker[0].run(task)
