"""Samples out of a stream of bytes that has not ended yet: wav, or without any header.

libsndfile needs a whole file; a recorder's pipe has none. What a stream can be is little: a wav
header whose length means nothing, or a format that the user names. Knows bytes and samples, no
model.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxport.errors import AudioFileError, InputError

# ffmpeg's names; numpy's type, what silence is, and full scale. s24le has no type of numpy's.
_KINDS = {
    "u8": ("u1", 128, 128),
    "s16le": ("<i2", 0, 2**15),
    "s24le": ("<i4", 0, 2**31),
    "s32le": ("<i4", 0, 2**31),
    "f32le": ("<f4", 0, 1),
    "f64le": ("<f8", 0, 1),
}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE  # tags of a wav header
_WAV_KINDS = {
    (_PCM, 8): "u8",
    (_PCM, 16): "s16le",
    (_PCM, 24): "s24le",
    (_PCM, 32): "s32le",
    (_FLOAT, 32): "f32le",
    (_FLOAT, 64): "f64le",
}
_NO_FORMAT = "damaged: a wav header without a format"
_MOST_HEADER = 1 << 20  # bytes before the samples
_UNKNOWN_LENGTH = 0x7FFF0000  # from here on, and 0: written by who could not go back


@dataclass(frozen=True)
class PcmFormat:
    """What the bytes are."""

    rate: int = 16_000  # Hz
    kind: str = "s16le"
    channels: int = 1

    @property
    def width(self) -> int:
        """Bytes of a sample."""
        return int(self.kind.strip("usfle")) // 8


def parse_format(text: str) -> PcmFormat:
    """RATE:KIND:CHANNELS; what is left out is as in "16000:s16le:1"."""
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
    return PcmFormat(
        _number(rate, 1_000, 1_000_000, "rate", text),
        kind,
        _number(channels, 1, 64, "number of channels", text),
    )


def _number(value: str, least: int, most: int, what: str, text: str) -> int:
    if not value.isdecimal() or not least <= int(value) <= most:
        raise InputError(
            f"expected a {what} of {least} to {most} in RATE:FORMAT:CHANNELS, got {text!r}"
        )
    return int(value)


class PcmStream:
    """A decoder: bytes in as they come, the mean of the channels out."""

    def __init__(self, name: str, form: PcmFormat | None = None) -> None:
        self._name = name
        self.format = form  # None: a wav header tells
        self._pending = b""  # a header, or a sample, that is not whole yet
        self._left: int | None = None  # bytes of samples that the header still promises

    def push(self, content: bytes) -> NDArray[np.float32]:
        """The samples (S,) that have become whole."""
        self._pending += content
        if self.format is None and not self._read_header():
            return np.zeros(0, np.float32)
        form = self.format
        assert form is not None
        if self._left is not None:
            self._pending = self._pending[: self._left]  # behind the samples come tags
        size = len(self._pending) // (form.width * form.channels) * form.width * form.channels
        ready, self._pending = self._pending[:size], self._pending[size:]
        if self._left is not None:
            self._left -= size
        samples = _samples(ready, form.kind)
        if not np.isfinite(samples).all():
            raise AudioFileError("holds samples that are not numbers (NaN or infinite)", self._name)
        return np.reshape(samples, (-1, form.channels)).mean(axis=1)

    def finish(self) -> None:
        """Check that what ended was whole."""
        if self.format is None:
            reason = "ended within its header" if self._pending else "the stream is empty (0 bytes)"
            raise AudioFileError(reason, self._name)
        if self._left:
            raise AudioFileError("truncated: the stream ended before its audio does", self._name)

    def _read_header(self) -> bool:
        """Whether the header is whole, and behind us."""
        head = self._pending
        if len(head) < 12:
            return False
        if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
            raise AudioFileError(
                "only wav can be followed, or samples without a header, of which the format is "
                "given (--raw 16000:s16le:1)",
                self._name,
            )
        place, form = 12, None
        while len(head) >= place + 8:
            name, size = head[place : place + 4], struct.unpack_from("<I", head, place + 4)[0]
            if name == b"data":
                if form is None:
                    raise AudioFileError(_NO_FORMAT, self._name)
                self.format, self._pending = form, head[place + 8 :]
                self._left = size if 0 < size < _UNKNOWN_LENGTH else None
                return True
            if name == b"fmt " and len(head) >= place + 8 + size:
                form = self._wav_format(head[place + 8 : place + 8 + size])
            place += 8 + size + size % 2
        if place > _MOST_HEADER:
            raise AudioFileError(_NO_FORMAT, self._name)
        return False

    def _wav_format(self, chunk: bytes) -> PcmFormat:
        if len(chunk) < 16:
            raise AudioFileError(_NO_FORMAT, self._name)
        tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
        if tag == _EXTENSIBLE and len(chunk) >= 26:
            tag = struct.unpack_from("<H", chunk, 24)[0]
        kind = _WAV_KINDS.get((tag, bits))
        if kind is None:
            raise AudioFileError(
                f"a wav stream of format {tag} with {bits} bits cannot be followed; "
                "16-bit PCM can (ffmpeg -c:a pcm_s16le)",
                self._name,
            )
        return parse_format(f"{rate}:{kind}:{channels}")


def _samples(content: bytes, kind: str) -> NDArray[np.float32]:
    code, silence, scale = _KINDS[kind]
    if kind == "s24le":  # as the upper three bytes of four
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.reshape(np.frombuffer(content, np.uint8), (-1, 3))
        content = wide.tobytes()
    values = np.frombuffer(content, code).astype(np.float64)
    return ((values - silence) / scale).astype(np.float32)
