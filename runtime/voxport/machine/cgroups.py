"""Control groups of this process, versions 1 and 2: limits of containers and systemd's slices.

A group's limit binds every group within it, so the hierarchy is walked from this process's group
up to the root. Reads Linux's files; other systems have no limit. Knows no threads and no models.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from voxport.machine import system_files

_ROOT = "/sys/fs/cgroup"

# Page cache and kernel caches are counted as used, and given back when memory is short.
_RECLAIMABLE = ("inactive_file", "active_file", "slab_reclaimable")
_RECLAIMABLE_V1 = ("total_inactive_file", "total_active_file")  # with those of the groups within

_Number = TypeVar("_Number", int, float)


def cpu_quota() -> float | None:
    """Return the average number of CPUs for this process; None without a quota."""
    return _least(_cpu_quota, _cpu_quota_v1, "cpu")


def memory_left() -> int | None:
    """Return the bytes of memory left by the groups' limits; None without a limit.

    A group leaves its limit less its use; the kernel's caches do not count as used, and swap is not
    part of either.
    """
    return _least(_memory_left, _memory_left_v1, "memory")


def _least(
    unified: Callable[[str], _Number | None], legacy: Callable[[str], _Number | None], name: str
) -> _Number | None:
    """Return the smallest figure of all groups around this process, of either version."""
    found = [*map(unified, _groups("")), *map(legacy, _groups(name))]
    return min((figure for figure in found if figure is not None), default=None)


def _groups(controller: str) -> Iterator[str]:
    """Yield the folders of this process's group and of its parents, innermost first.

    ``controller`` is "" for version 2. The root is always among them: within a container it is the
    container's own group, under any path on the host.
    """
    root = f"{_ROOT}/{controller}".rstrip("/")
    for line in system_files.read_text("/proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")  # "0::/system.slice/a.service", "4:cpu,cpuacct:/a"
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") and path.startswith("/"):
            inner = Path(root + path)
            groups = (inner, *inner.parents)  # the last parents are /sys/fs, /sys and /
            yield from (str(one) for one in groups if one.is_relative_to(root) and str(one) != root)
            break
    yield root


def _cpu_quota(group: str) -> float | None:
    """``cpu.max`` is "150000 100000" (microseconds in a period), or "max 100000"."""
    quota, _, period = system_files.read_text(f"{group}/cpu.max").partition(" ")
    return _ratio(int(quota), int(period)) if quota.isdigit() and period.strip().isdigit() else None


def _cpu_quota_v1(group: str) -> float | None:
    quota = system_files.read_integer(f"{group}/cpu.cfs_quota_us")
    return _ratio(quota, system_files.read_integer(f"{group}/cpu.cfs_period_us"))


def _ratio(quota: int | None, period: int | None) -> float | None:
    return quota / period if quota is not None and period else None


def _memory_left(group: str) -> int | None:
    limit = system_files.read_integer(f"{group}/memory.max")
    return _left(limit, f"{group}/memory.current", f"{group}/memory.stat", _RECLAIMABLE)


def _memory_left_v1(group: str) -> int | None:
    limit = system_files.read_integer(f"{group}/memory.limit_in_bytes")
    used = f"{group}/memory.usage_in_bytes"
    return _left(limit, used, f"{group}/memory.stat", _RECLAIMABLE_V1)


def _left(
    limit: int | None, used: str, statistics: str, reclaimable: tuple[str, ...]
) -> int | None:
    """Return ``limit`` less the used bytes without the reclaimable ones; unknown use is 0."""
    if limit is None:
        return None
    held = system_files.read_integer(used) or 0
    for line in system_files.read_text(statistics).splitlines():
        name, _, value = line.partition(" ")
        held -= int(value) if name in reclaimable and value.isdigit() else 0
    return max(0, limit - max(0, held))
