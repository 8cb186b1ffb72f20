"""Memory use of this process.

``getrusage`` will not do on Linux: its peak includes the parent's if the child was made by
``vfork``, and it cannot be reset.
"""

import sys
from contextlib import suppress
from pathlib import Path


def reset_peak() -> None:
    """Count the peak from now on, if the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int:
    """Return the peak of resident bytes."""
    return _read_status("VmHWM") or _peak_of_rusage()


def resident_memory() -> int:
    """Return the bytes resident now; the peak if the system does not tell."""
    return _read_status("VmRSS") or _peak_of_rusage()


def _read_status(field: str) -> int:
    """Read a field of /proc/self/status in bytes, 0 if there is none."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def _peak_of_rusage() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
