"""Memory left for this process: the machine's, its control groups' and its own limit.

Never too low: free swap counts as free memory. Knows no models.
"""

from voxport.machine import cgroups, system_files


def available() -> int | None:
    """Return the most bytes left for this process; None if the system does not say."""
    found = [_machine_free(), _group_free(), _process_limit()]
    return min((size for size in found if size is not None), default=None)


def _machine_free() -> int | None:
    """Return the bytes left on the whole machine, free swap included."""
    fields = _meminfo()
    return fields["MemAvailable"] + _swap_free() if "MemAvailable" in fields else None


def _group_free() -> int | None:
    """Return the bytes left by the control groups, and free swap: they may be allowed all of it."""
    left = cgroups.memory_left()
    return None if left is None else left + _swap_free()


def _process_limit() -> int | None:
    """Return the limit of ``ulimit -v`` for this process as a whole."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _swap_free() -> int:
    return _meminfo().get("SwapFree", 0)


def _meminfo() -> dict[str, int]:
    """Return the fields of ``/proc/meminfo``, in bytes."""
    fields: dict[str, int] = {}
    for line in system_files.read_text("/proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        fields[name] = int(value.split()[0]) * 1024 if value.split() else 0
    return fields
