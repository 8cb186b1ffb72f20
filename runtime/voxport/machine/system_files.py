"""Files of ``/proc`` and ``/sys``: the kernel's figures as text. Knows none of their meanings."""

from pathlib import Path


def read_text(path: str) -> str:
    """Return the content of a file; "" if it is missing, unreadable or not ASCII."""
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def read_integer(path: str) -> int | None:
    """Return the number in a file; None if it is missing or "max" or -1, no limit."""
    text = read_text(path).strip()
    return int(text) if text.isdigit() else None
