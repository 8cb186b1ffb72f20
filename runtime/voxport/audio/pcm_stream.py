"""Samples from an unfinished stream of bytes: wav, or without any header.

libsndfile needs a whole file; a recorder's pipe has none. A stream is a wav header with a length of
no meaning, or raw samples in the user's format. Knows bytes and samples, no model and no options.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxport.audio import limits
from voxport.audio.riff import is_unknown_length
from voxport.errors import AudioFileError, InputError

# ffmpeg's names; numpy's type, the value of silence, and full scale. numpy has no type for s24le.
_KINDS = {
    "u8": ("u1", 128, 128),
    "s16le": ("<i2", 0, 2**15),
    "s24le": ("<i4", 0, 2**31),
    "s32le": ("<i4", 0, 2**31),
    "f32le": ("<f4", 0, 1),
    "f64le": ("<f8", 0, 1),
}
_PCM_TAG, _FLOAT_TAG, _EXTENSIBLE_TAG = 1, 3, 0xFFFE  # of a wav header
_WAV_KINDS = {
    (_PCM_TAG, 8): "u8",
    (_PCM_TAG, 16): "s16le",
    (_PCM_TAG, 24): "s24le",
    (_PCM_TAG, 32): "s32le",
    (_FLOAT_TAG, 32): "f32le",
    (_FLOAT_TAG, 64): "f64le",
}
_NO_FORMAT = "damaged: a wav header without a format"
_MAX_HEADER_BYTES = 1 << 20  # before the samples


@dataclass(frozen=True)
class PcmFormat:
    """Layout of raw samples."""

    rate: int = 16_000  # Hz
    kind: str = "s16le"
    channels: int = 1

    @property
    def width(self) -> int:
        """Bytes of a sample."""
        return int(self.kind.strip("usfle")) // 8


def parse_format(text: str) -> PcmFormat:
    """Parse RATE:KIND:CHANNELS; omitted fields are as in "16000:s16le:1"."""
    fields = text.split(":")
    rate, kind, channels = (
        given or default
        for given, default in zip([*fields, "", ""][:3], ("16000", "s16le", "1"), strict=True)
    )
    if len(fields) > 3 or kind not in _KINDS:
        raise InputError(
            f"expected RATE:FORMAT:CHANNELS, as 16000:s16le:1, with one of {', '.join(_KINDS)}, "
            f"got {text!r}"
        )
    bounds = (limits.MIN_RATE_HZ, limits.MAX_RATE_HZ)
    return PcmFormat(
        _parse_number(rate, *bounds, "rate", text),
        kind,
        _parse_number(channels, 1, limits.MAX_CHANNELS, "number of channels", text),
    )


def _parse_number(value: str, least: int, most: int, field: str, text: str) -> int:
    if not value.isdecimal() or not least <= int(value) <= most:
        raise InputError(
            f"expected a {field} of {least} to {most} in RATE:FORMAT:CHANNELS, got {text!r}"
        )
    return int(value)


class PcmStream:
    """Decoder of a stream: bytes in as they arrive, the mean of the channels out.

    Without `form` a wav header gives the format. Errors name no stream: the caller does.
    """

    def __init__(self, form: PcmFormat | None = None) -> None:
        self.format = form
        self._pending = b""  # a header, or a sample, that is not complete yet
        self._left: int | None = None  # bytes of samples that the header still promises

    def push(self, content: bytes) -> NDArray[np.float32]:
        """Return the samples (S,) completed by ``content``."""
        self._pending += content
        if self.format is None and not self._read_header():
            return np.zeros(0, np.float32)
        form = self.format
        assert form is not None
        if self._left is not None:
            self._pending = self._pending[: self._left]  # tags follow the samples
        size = len(self._pending) // (form.width * form.channels) * form.width * form.channels
        ready, self._pending = self._pending[:size], self._pending[size:]
        if self._left is not None:
            self._left -= size
        samples = _decode(ready, form.kind)
        if problem := limits.samples_problem(samples):
            raise AudioFileError(problem)
        return np.reshape(samples, (-1, form.channels)).mean(axis=1)

    def finish(self) -> None:
        """Check the end of the stream against its header."""
        if self.format is None:
            empty = "the stream is empty (0 bytes)"
            raise AudioFileError("ended within its header" if self._pending else empty)
        if self._left:
            raise AudioFileError("truncated: the stream ended before its audio does")

    def _read_header(self) -> bool:
        """Parse the header once it is complete; return whether it was."""
        head = self._pending
        if len(head) < 12:
            return False
        if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
            raise AudioFileError(
                "only wav can be followed, or samples without a header, of which the format is "
                "given (--raw 16000:s16le:1)"
            )
        place, form = 12, None
        while len(head) >= place + 8:
            name, size = head[place : place + 4], struct.unpack_from("<I", head, place + 4)[0]
            if name == b"data":
                if form is None:
                    raise AudioFileError(_NO_FORMAT)
                self.format, self._pending = form, head[place + 8 :]
                self._left = None if is_unknown_length(size) else size
                return True
            if name == b"fmt " and len(head) >= place + 8 + size:
                form = self._parse_wav_format(head[place + 8 : place + 8 + size])
            place += 8 + size + size % 2
        if place > _MAX_HEADER_BYTES:
            raise AudioFileError(_NO_FORMAT)
        return False

    def _parse_wav_format(self, chunk: bytes) -> PcmFormat:
        if len(chunk) < 16:
            raise AudioFileError(_NO_FORMAT)
        tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
        if tag == _EXTENSIBLE_TAG and len(chunk) >= 26:
            tag = struct.unpack_from("<H", chunk, 24)[0]
        kind = _WAV_KINDS.get((tag, bits))
        if kind is None:
            raise AudioFileError(
                f"a wav stream of format {tag} with {bits} bits cannot be followed; "
                "16-bit PCM can (ffmpeg -c:a pcm_s16le)"
            )
        if problem := limits.rate_problem(rate) or limits.channels_problem(channels):
            raise AudioFileError(problem)
        return PcmFormat(rate, kind, channels)


def _decode(content: bytes, kind: str) -> NDArray[np.float32]:
    code, silence, scale = _KINDS[kind]
    if kind == "s24le":  # as the upper three bytes of four
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.reshape(np.frombuffer(content, np.uint8), (-1, 3))
        content = wide.tobytes()
    values = np.frombuffer(content, code).astype(np.float64)
    with np.errstate(over="ignore"):  # what does not fit is refused as infinite
        return ((values - silence) / scale).astype(np.float32)
