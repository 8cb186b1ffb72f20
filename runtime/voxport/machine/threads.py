"""The default number of CPU threads of one operator.

One for each physical core that this process may use: two hyperthreads share the multipliers of one
core, so that a second thread there gains next to nothing in a matrix product, and threads beyond a
container's quota are all stopped for the rest of every period. Reads Linux's figures; elsewhere
onnxruntime's own choice stands.
"""

import math
import os

from voxport.machine import cgroups, system_files

# The most that may be asked for: no operator gains by more, 2000 did not start within 30 s, and a
# million took 23 GB.
MOST_THREADS = 256

_CPUS = "/sys/devices/system/cpu"
_SIBLINGS = ("core_cpus_list", "thread_siblings_list")  # the second is the name before Linux 5.3


def default_thread_count() -> int:
    """Return the threads for this process, or 0 where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return 0
    cores = _physical_cores(os.sched_getaffinity(0))
    quota = cgroups.cpu_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _physical_cores(allowed: set[int]) -> int:
    """Count the cores among the logical CPUs allowed; each is one where nothing is known."""
    return len({_siblings(cpu) or f"cpu {cpu}" for cpu in allowed})


def _siblings(cpu: int) -> str:
    """Return the logical CPUs of one core, "0,4", or "" where that is not told."""
    paths = (f"{_CPUS}/cpu{cpu}/topology/{name}" for name in _SIBLINGS)
    return next((text for path in paths if (text := system_files.read_text(path).strip())), "")
