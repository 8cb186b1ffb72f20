"""Forced alignment: a known text's labels or words on a recording's frames.

``forced_align`` is public; the rest serves ``voxport.Recognizer.align``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voxport.alignment.forced_alignment import forced_align

__all__ = ["forced_align"]


def __getattr__(name: str) -> Any:
    if name != "forced_align":
        raise AttributeError(f"module 'voxport.alignment' has no attribute {name!r}")
    from voxport.alignment import forced_alignment

    return forced_alignment.forced_align
