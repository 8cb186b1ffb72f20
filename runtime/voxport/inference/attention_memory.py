"""Check of the free memory before attention over a whole recording.

Attention compares every frame with every other. Computed at once (in files exported before it had
blocks, in WavLM's and in float16), it makes onnxruntime's memory grow with the square of the
length, and with too little left the system kills the process without a word.

Knows a lower estimate of the need and the system's own figure of free memory: a recording that
might fit is never refused.
"""

import math

from voxport.machine import memory
from voxport.package.manifest import ModelInfo

# onnxruntime holds one float32 matrix of heads * frames**2 at its peak on the CPU (measured, all
# else but the weights included: 5.1 floats a frame**2 on 160 s with "commands", which has 4 heads,
# 14.8 on 120 s with a base model, which has 12). A manifest does not tell the heads. Published
# models have 12 or 16 from 90 million parameters on; 8 are counted there, and 2 below, so that the
# estimate is too low by half rather than too high.
_MATRICES_PER_HEAD = 1
_FLOAT_BYTES = 4
_LARGE_MODEL_PARAMETERS = 80_000_000
_FEW_HEADS, _MANY_HEADS = 2, 8

# What is sure to fit needs, by the same estimate, this much less than is free: with the memory that
# grows with the length alone, 30 s and 60 s of a base model took 3.5 times the estimate.
_SAFETY_FACTOR = 4


def find_shortage(rows: int, samples: int, model: ModelInfo) -> str | None:
    """Return the reason why ``rows`` of ``samples`` exceed the free memory, or None."""
    free = memory.available()
    needed = _needed_bytes(rows, samples, model)
    if free is None or needed <= free:
        return None
    frames = math.sqrt(free / (_SAFETY_FACTOR * _bytes_per_frame_pair(model)))
    piece = max(1, int(frames * model.frame_stride / model.sample_rate) // 10 * 10)
    length = _format_duration(samples / model.sample_rate)
    return (
        f"{length} needs more than {_format_gigabytes(needed)} to run at once, "
        f"{_format_gigabytes(free)} are free; {_format_duration(piece)} would fit"
    )


def is_sure_to_fit(samples: int, model: ModelInfo) -> bool:
    """Return True if ``samples`` are sure to fit, or if nothing is known."""
    free = memory.available()
    return free is None or _SAFETY_FACTOR * _needed_bytes(1, samples, model) <= free


def _needed_bytes(rows: int, samples: int, model: ModelInfo) -> float:
    """Return a lower bound of the bytes for attention over the rows."""
    return _bytes_per_frame_pair(model) * rows * (samples / model.frame_stride) ** 2


def _bytes_per_frame_pair(model: ModelInfo) -> int:
    """Return the bytes of one pair of frames in attention."""
    heads = _MANY_HEADS if model.parameters >= _LARGE_MODEL_PARAMETERS else _FEW_HEADS
    return _MATRICES_PER_HEAD * _FLOAT_BYTES * heads


def _format_duration(seconds: float) -> str:
    """Format 600.4 as "10 min 0 s"."""
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes} min {second} s" if minutes else f"{second} s"


def _format_gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
