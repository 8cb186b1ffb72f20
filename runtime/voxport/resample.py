"""Sample-rate conversion, equal to ``torchaudio.functional.resample``'s defaults within 1e-5.

Models were trained on what torchaudio's resampler gives, so the runtime gives the same without
torch: a windowed sinc (Hann window, 6 zero crossings, cut-off at 0.99 of the lower Nyquist rate).
Knows samples and rates, nothing of files or models.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LOWPASS_FILTER_WIDTH = 6  # zero crossings of the sinc on either side
ROLLOFF = 0.99

# 32 phases of the output share a kernel and a matrix product. Torchaudio has one kernel for all
# phases, mostly zeros, that grows with orig * new: 2.8 GB for 44 101 Hz to 16 000 Hz.
_PHASES = 32
_WINDOW_FLOATS = 1 << 20  # 4 MiB of windows at a time, so that hours of audio need no more


def resample(waveform: NDArray[np.float32], orig: int, new: int) -> NDArray[np.float32]:
    """`waveform` (S,) at `orig` Hz as the nearly S * new / orig samples that it has at `new` Hz."""
    divisor = math.gcd(orig, new)
    orig, new = orig // divisor, new // divisor
    if orig == new or not len(waveform):
        return waveform
    base = min(orig, new) * ROLLOFF
    width = math.ceil(LOWPASS_FILTER_WIDTH * orig / base)
    length = _length(len(waveform), orig, new)
    steps = -(-length // new)
    padded = np.pad(waveform, (width, max(0, steps * orig + width + 1 - len(waveform))))
    result = np.empty((steps, new), np.float32)
    for first in range(0, new, _PHASES):
        last = min(first + _PHASES, new)
        start = first * orig // new  # where this group's first filter has its centre
        kernel = _kernel(first, last, start, orig, new, width, base)
        for rows, windows in _windows(padded[start:], steps, orig, len(kernel)):
            result[rows, first:last] = windows @ kernel
    return result.ravel()[:length]


def _length(samples: int, orig: int, new: int) -> int:
    """The samples of the result: torchaudio takes the ceiling of a float32."""
    ceiling = math.ceil(float(np.float32(new * samples / orig)))
    return min(ceiling, (samples // orig + 1) * new)


def _kernel(
    first: int, last: int, start: int, orig: int, new: int, width: int, base: float
) -> NDArray[np.float32]:
    """The filters of output phases first..last-1 as (taps, phases).

    In float32 throughout, as torchaudio computes them: its rounding is larger than 1e-5 for rates
    with a small common divisor, and the aim is to equal it.
    """
    taps = np.arange(start - width, (last - 1) * orig // new + width + 2, dtype=np.float32)
    phases = np.arange(-first, -last, -1, dtype=np.float32)
    t = taps[:, None] / np.float32(orig) + phases[None] / np.float32(new)
    t = (t * np.float32(base)).clip(-LOWPASS_FILTER_WIDTH, LOWPASS_FILTER_WIDTH)
    window = np.cos(t * np.float32(math.pi) / LOWPASS_FILTER_WIDTH / 2) ** 2
    t *= np.float32(math.pi)
    sinc = np.divide(np.sin(t), t, out=np.ones_like(t), where=t != 0)
    return sinc * (window * np.float32(base / orig))


def _windows(
    padded: NDArray[np.float32], steps: int, stride: int, taps: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Rows of `taps` samples, one a stride, in blocks of bounded size."""
    views = np.lib.stride_tricks.sliding_window_view(padded, taps)[::stride]
    block = max(1, _WINDOW_FLOATS // taps)
    for row in range(0, steps, block):
        rows = slice(row, min(row + block, steps))
        yield rows, np.ascontiguousarray(views[rows])
