"""Deprecated alias of `voxport.streaming`, for programs written before it moved.

``from voxport.live import Live`` goes on working and warns; ``Live`` is ``StreamingRecognizer``.
"""

import warnings

from voxport.streaming import Event
from voxport.streaming import StreamingRecognizer as Live

__all__ = ["Event", "Live"]

warnings.warn(
    "voxport.live has moved: import StreamingRecognizer from voxport.streaming instead",
    DeprecationWarning,
    stacklevel=2,
)
