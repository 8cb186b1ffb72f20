"""Decoding of the parts of one file, block by block, with checks of the samples.

Knows soundfile's classes through its callers, no containers.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.audio import flac, limits, truncation
from voxport.audio.containers import Part
from voxport.audio.native_stderr import captured_lines
from voxport.audio.resample import Resampler
from voxport.audio.sample_check import SampleCheck
from voxport.errors import AudioFileError, accessing

# libmpg123 prints two lines for a frame that it cannot decode, and leaves it out; one line for the
# first frame of a recording that starts within another one's bits.
_MAX_COMPLAINTS = 4

_BLOCK_FRAMES = 1 << 16  # read at a time: channels are mixed before the next block is read


class AudioStream:
    """Recording decoded once, from its start to its end."""

    def __init__(
        self,
        parts: list[Part],
        open_part: Callable[[Part], Any],  # as a soundfile.SoundFile
        failure: type[Exception],  # libsndfile's
        subject: str,  # of a warning; errors name none
    ) -> None:
        self._parts, self._open_part, self._failure = parts, open_part, failure
        self._subject = subject
        self._first = open_part(parts[0])
        self.container = str(self._first.format)  # by libsndfile: "WAV", "MP3", ...
        self.sample_rate = int(self._first.samplerate)  # Hz, of all parts: others are resampled
        self.seconds = self._promised()  # by the headers, None where they do not tell
        self._count = 0  # samples so far
        self._samples = SampleCheck()

    def close(self) -> None:
        """Close the first part; the others are closed as soon as they are decoded."""
        self._first.close()

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the mean of the channels, (S,) at a time; the last block is followed by checks."""
        for index, part in enumerate(self._parts):
            with self._open(part) if index else self._first as file:
                yield from self._decode(file, part)
        if not self._count:
            with accessing(None, AudioFileError):
                raise AudioFileError(truncation.problem_of_nothing(self._parts[0].stream))
        self._samples.finish(self._subject)

    def _open(self, part: Part) -> Any:
        try:
            with accessing(None, AudioFileError):
                return self._open_part(part)
        except self._failure as error:
            seconds = self._count / self.sample_rate
            raise AudioFileError(f"damaged after {seconds:.2f} s ({reason_of(error)})") from None

    def _promised(self) -> float | None:
        frames = self._first.frames
        is_known = 0 < frames < truncation.UNKNOWN_FRAMES
        seconds = [part.seconds for part in self._parts]
        if seconds[0] is None and is_known and len(seconds) == 1:
            return frames / self.sample_rate
        known = [second for second in seconds if second is not None]
        return sum(known) if len(known) == len(seconds) else None

    def _decode(self, file: Any, part: Part) -> Iterator[NDArray[np.float32]]:
        rate = int(file.samplerate)
        if rate != self.sample_rate and (problem := limits.rate_problem(rate)):
            raise AudioFileError(problem)
        resampler = Resampler(rate, self.sample_rate)
        digest = _Digest(part.flac_stream) if part.flac_stream else None
        count = 0
        complaints: list[str] = []
        while True:
            with captured_lines("libmpg123") if part.is_mpeg else nullcontext([]) as lines:
                block = self._read(file, count, digest)
            complaints += lines[: _MAX_COMPLAINTS + 1]
            if len(complaints) > _MAX_COMPLAINTS:
                seconds = (self._count + count) / self.sample_rate
                reason = "frames of MPEG audio cannot be decoded"
                raise AudioFileError(f"damaged: after {seconds:.2f} s, {reason}")
            if not len(block):
                break
            self._samples.add(block, (self._count + count) / self.sample_rate, self.sample_rate)
            count += len(block)
            yield resampler.push(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1))
        yield resampler.finish()
        self._check(file, part, count, digest)
        self._count += count * self.sample_rate // rate

    def _check(self, file: Any, part: Part, count: int, digest: "_Digest | None") -> None:
        problem = digest.problem(count) if digest else None
        is_known = not part.is_checked and file.frames < truncation.UNKNOWN_FRAMES
        if count < part.min_samples or (is_known and count < file.frames):
            problem = problem or f"{truncation.CUT}, after {count} samples"
        if problem:
            raise AudioFileError(problem)

    def _read(self, file: Any, count: int, digest: "_Digest | None") -> NDArray[np.float32]:
        """Return the block after `count` frames of a part, (frames, channels)."""
        size = min(_BLOCK_FRAMES, file.frames - count)  # libFLAC stumbles over a tag behind the end
        kind = "float32" if digest is None else "int32"
        try:
            with accessing(None, AudioFileError):
                block = file.read(max(0, size), dtype=kind, always_2d=True)
        except self._failure as error:
            with suppress(self._failure), accessing(None, AudioFileError):
                count = file.tell()  # within the block, it has gone on as far as it could
            seconds = self._count / self.sample_rate + max(count, 0) / file.samplerate
            reason = f"damaged or truncated after {seconds:.2f} s ({reason_of(error)})"
            raise AudioFileError(reason) from None
        if digest is None:
            return block
        digest.update(block)
        return (block / 2.0**31).astype(np.float32)


class _Digest:
    """MD5 of a FLAC stream's samples, as its header has it."""

    def __init__(self, part: flac.Part) -> None:
        self._part = part
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, block: NDArray[np.int32]) -> None:
        """Add samples, (frames, channels), each in the upper bits of 32."""
        if self._part.md5 is None:
            return
        width = -(-self._part.bits // 8)
        values = np.asarray(block >> (32 - self._part.bits), "<i4")
        content = np.frombuffer(values.tobytes(), np.uint8)
        self._md5.update(np.reshape(content, (-1, 4))[:, :width].tobytes())

    def problem(self, count: int) -> str | None:
        """Return the reason why `count` samples differ from the written ones, or None."""
        part = self._part
        missing = part.claimed - count
        if part.md5 is not None:
            if self._md5.digest() == part.md5:
                return None
            if missing > 0:
                return f"{truncation.CUT}, after {count} samples"
            return "damaged: the samples are not those that were written (their MD5 differs)"
        if missing > limits.MAX_MISSING_S * part.rate and not part.is_ended:
            return f"{truncation.CUT}, after {count} samples"
        return None


def reason_of(error: Any) -> str:
    """Return libsndfile's reason: "flac decoder lost sync" of "Error : flac decoder lost sync."."""
    return str(error.error_string).removeprefix("Error : ").rstrip(". ")
