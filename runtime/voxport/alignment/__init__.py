"""Forced alignment: a known text's labels or words on a recording's frames.

``forced_align`` and ``Romanization`` are public; the rest serves ``voxport.Recognizer.align``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voxport.alignment.forced_alignment import forced_align
    from voxport.alignment.romanized_aligner import Romanization

__all__ = ["Romanization", "forced_align"]

_MODULES = {"Romanization": "romanized_aligner", "forced_align": "forced_alignment"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'voxport.alignment' has no attribute {name!r}")
    return getattr(import_module(f"voxport.alignment.{_MODULES[name]}"), name)
