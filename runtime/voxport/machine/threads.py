"""The default number of CPU threads of one operator.

One for each physical core available to this process: two hyperthreads share the multipliers of one
core, so a second thread gains next to nothing in a matrix product, and threads beyond a container's
quota are all stopped for the rest of every period. Reads Linux's figures; on other systems
onnxruntime's own choice stands.
"""

import math
import os

from voxport.machine import cgroups, system_files

# The most to ask for: no operator gains by more, 2000 did not start within 30 s, and a million took
# 23 GB.
MOST_THREADS = 256

_CPUS = "/sys/devices/system/cpu"
_SIBLINGS = ("core_cpus_list", "thread_siblings_list")  # the second is the name before Linux 5.3


def default_thread_count() -> int:
    """Return the threads for this process, or 0 if the system does not say."""
    if not hasattr(os, "sched_getaffinity"):
        return 0
    cores = _physical_cores(os.sched_getaffinity(0))
    quota = cgroups.cpu_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _physical_cores(allowed: set[int]) -> int:
    """Count the cores among the allowed logical CPUs; a CPU of unknown core counts as one."""
    return len({_siblings(cpu) or f"cpu {cpu}" for cpu in allowed})


def _siblings(cpu: int) -> str:
    """Return the logical CPUs of one core, such as "0,4", or "" if unknown."""
    paths = (f"{_CPUS}/cpu{cpu}/topology/{name}" for name in _SIBLINGS)
    return next((text for path in paths if (text := system_files.read_text(path).strip())), "")
