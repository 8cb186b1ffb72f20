"""Sample-rate conversion, equal to ``torchaudio.functional.resample``'s defaults within 1e-5.

Models were trained with torchaudio's resampler, so the runtime does the same without torch: a
windowed sinc (Hann window, 6 zero crossings, cut-off at 0.99 of the lower Nyquist rate).
Knows samples and rates, nothing of files or models.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOWPASS_FILTER_WIDTH = 6  # zero crossings of the sinc on either side
ROLLOFF = 0.99

# 32 phases of the output share a kernel and a matrix product. Torchaudio's one kernel for all
# phases is mostly zeros and grows with orig * new: 2.8 GB for 44 101 Hz to 16 000 Hz.
_PHASES = 32
_WINDOW_FLOATS = 1 << 20  # 4 MiB of windows at a time, so that hours of audio need no more


def resample(waveform: NDArray[np.float32], orig: int, new: int) -> NDArray[np.float32]:
    """Convert `waveform` (S,) from `orig` to `new` Hz: nearly S * new / orig samples."""
    if orig == new or not len(waveform):
        return waveform
    resampler = Resampler(orig, new)
    return np.concatenate([resampler.push(waveform), resampler.finish()])


class Resampler:
    """Sample-rate conversion block by block: no block's edge shows in the result.

    The kernel repeats after `orig` samples of the input, or `new` of the output (both divided by
    their greatest common divisor): this is a step, and the output comes in whole steps.
    """

    def __init__(self, orig: int, new: int) -> None:
        divisor = math.gcd(orig, new)
        self._orig, self._new = orig // divisor, new // divisor
        base = min(self._orig, self._new) * ROLLOFF
        width = math.ceil(LOWPASS_FILTER_WIDTH * self._orig / base)
        self._groups = list(_groups(self._orig, self._new, width, base))
        self._span = max(group.start + len(group.kernel) for group in self._groups)  # of a step
        self._pending: NDArray[np.float32] = np.zeros(width, np.float32)  # the next step's, and on
        self._taken = self._given = 0  # samples, in and out

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the samples complete after one block more."""
        if self._orig == self._new:
            return block
        self._taken += len(block)
        self._pending = np.concatenate([self._pending, block])
        return self._steps(max(0, (len(self._pending) - self._span) // self._orig + 1))

    def finish(self) -> NDArray[np.float32]:
        """Return the rest, once the last block was pushed."""
        if self._orig == self._new:
            return np.zeros(0, np.float32)
        missing = max(0, _length(self._taken, self._orig, self._new) - self._given)
        steps = -(-missing // self._new)
        needed = steps * self._orig + self._span
        self._pending = np.pad(self._pending, (0, max(0, needed - len(self._pending))))
        return self._steps(steps)[:missing]

    def _steps(self, count: int) -> NDArray[np.float32]:
        result = np.empty((count, self._new), np.float32)
        for group in self._groups if count else ():
            columns = slice(group.first, group.first + group.kernel.shape[1])
            samples = self._pending[group.start :]
            for rows, windows in _windows(samples, count, self._orig, len(group.kernel)):
                result[rows, columns] = windows @ group.kernel
        self._pending = np.array(self._pending[count * self._orig :])
        self._given += result.size
        return result.ravel()


@dataclass(frozen=True)
class _Group:
    """Phases of the output, computed together."""

    first: int  # phase
    start: int  # of its samples within a step's span
    kernel: NDArray[np.float32]  # (taps, phases)


def _groups(orig: int, new: int, width: int, base: float) -> Iterator[_Group]:
    for first in range(0, new, _PHASES):
        last = min(first + _PHASES, new)
        start = first * orig // new  # centre of the first filter
        yield _Group(first, start, _kernel(first, last, start, orig, new, width, base))


def _length(samples: int, orig: int, new: int) -> int:
    """Return the samples of the result: torchaudio takes the ceiling of a float32."""
    ceiling = math.ceil(float(np.float32(new * samples / orig)))
    return min(ceiling, (samples // orig + 1) * new)


def _kernel(
    first: int, last: int, start: int, orig: int, new: int, width: int, base: float
) -> NDArray[np.float32]:
    """Return the filters of output phases first..last-1 as (taps, phases).

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
    """Yield rows of `taps` samples, one a stride, in blocks of bounded size."""
    views = np.lib.stride_tricks.sliding_window_view(padded, taps)[::stride]
    block = max(1, _WINDOW_FLOATS // taps)
    for row in range(0, steps, block):
        rows = slice(row, min(row + block, steps))
        yield rows, np.ascontiguousarray(views[rows])
