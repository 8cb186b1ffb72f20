"""Deprecated alias of `voxport.alignment.spelling`, for programs written before it moved.

``from voxport.spelling import Speller`` goes on working and warns.
"""

import warnings

from voxport.alignment.spelling import STAR, Speller, Spelling, Unspelled

__all__ = ["STAR", "Speller", "Spelling", "Unspelled"]

warnings.warn(
    "voxport.spelling has moved: import voxport.alignment.spelling instead",
    DeprecationWarning,
    stacklevel=2,
)
