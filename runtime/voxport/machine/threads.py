"""How many threads one operator should have on the CPU.

One for each physical core that this process may use: two hyperthreads share the multipliers of one
core, so that a second thread there gains next to nothing in a matrix product, and more threads than
a container's quota pays for are all stopped for the rest of every period. Reads what Linux tells;
elsewhere onnxruntime's own choice stands.
"""

import math
import os
from pathlib import Path

# The most that may be asked for: no operator gains by more, 2000 did not start within 30 s, and a
# million took 23 GB.
MOST_THREADS = 256

_CPUS = "/sys/devices/system/cpu"
_GROUPS = "/sys/fs/cgroup"


def here() -> int:
    """The number for this process, or 0 where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return 0
    cores = _cores(os.sched_getaffinity(0))
    quota = _quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _cores(allowed: set[int]) -> int:
    """Physical cores among the logical CPUs that are allowed; each is one if nothing is known."""
    names = ("core_cpus_list", "thread_siblings_list")  # the second is what it was before 5.3
    return len({_first_text(f"{_CPUS}/cpu{n}/topology", names) or f"cpu {n}" for n in allowed})


def _quota() -> float | None:
    """The CPUs that a container may use on average, if that is limited."""
    found = [*map(_limit, _groups()), _old_limit()]
    return min((limit for limit in found if limit is not None), default=None)


def _groups() -> list[str]:
    """This process's control group and those around it (version 2), innermost first."""
    for line in _text("/proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            inner = Path(_GROUPS + line[3:])
            return [str(path) for path in (inner, *inner.parents) if path.is_relative_to(_GROUPS)]
    return [_GROUPS]


def _limit(group: str) -> float | None:
    """``cpu.max`` is "150000 100000" (microseconds in a period), or "max 100000"."""
    quota, _, period = _text(f"{group}/cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.strip().isdigit() else None


def _old_limit() -> float | None:
    """The same from control groups of version 1; -1 is no limit."""
    quota = _text(f"{_GROUPS}/cpu/cpu.cfs_quota_us").strip()
    period = _text(f"{_GROUPS}/cpu/cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _first_text(folder: str, names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _text(f"{folder}/{name}").strip())), "")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
