"""What this process has used of the machine's memory.

``getrusage`` will not do on Linux: its peak is that of the parent too, where the child was made by
``vfork``, and it cannot be reset.
"""

import sys
from contextlib import suppress
from pathlib import Path


def reset_peak() -> None:
    """Count the peak from now on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int:
    """The most bytes that were resident at once."""
    return _status("VmHWM") or _rusage()


def resident_memory() -> int:
    """The bytes that are resident now; the peak where the system does not tell."""
    return _status("VmRSS") or _rusage()


def _status(field: str) -> int:
    """A field of /proc/self/status in bytes, 0 where there is none."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def _rusage() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
