"""Audio of mp4, Matroska, ASF, AMR, AAC and AC-3 files, decoded block by block by PyAV.

The only module to know PyAV, of the extra ``media``. FFmpeg conceals what it cannot decode, and
goes on; here an error, a damaged packet or a shorter decode than promised refuses the recording.
FFmpeg gets a Python stream without a name, a named demuxer, and no way to open another file.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from voxport.audio import limits, media_check, media_formats
from voxport.audio.sample_check import SampleCheck
from voxport.errors import AudioFileError, accessing
from voxport.optional_import import import_optional

_BLOCK_SAMPLES = 1 << 16  # yielded at a time
_MAX_MISSING_FRAMES = 2  # of a codec

# Codecs of sound that these containers hold. No video decoder runs: a film's pictures are not
# looked at.
_CODECS = (
    "aac", "aac_fixed", "aac_latm", "ac3", "eac3", "alac", "amrnb", "amrwb", "libopencore_amrnb",
    "libopencore_amrwb", "dca", "flac", "mp1float", "mp1", "mp2float", "mp2", "mp3float", "mp3",
    "opus", "libopus", "vorbis", "libvorbis", "tta", "wavpack", "truehd", "mlp", "wmalossless",
    "wmapro", "wmav1", "wmav2", "wmavoice", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "qdm2",
    "qcelp", "evrc", "gsm", "gsm_ms", "speex", "libspeex", "mace3", "mace6", "pcm_alaw",
    "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be",
    "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be",
)  # fmt: skip
_OPTIONS = {
    "codec_whitelist": ",".join(_CODECS),
    "protocol_whitelist": "none",
    "err_detect": "crccheck+bitstream+buffer+explode",
    "enable_drefs": "0",  # of QuickTime: media in other files
}
_FRAME_A_PACKET = ("ac3", "eac3")  # less than a frame is a packet, too, and decodes to nothing
_RAW_DEMUXERS = ("aac", "ac3", "eac3", "amr")  # frames and nothing else: they have no index

# By FFmpeg's sample format: what is full scale, and what is taken off first.
_SCALES = {"u8": (128, 128), "s16": (0, 2**15), "s32": (0, 2**31), "s64": (0, 2**63)}


class MediaStream:
    """First audio track of a file, decoded once from its start to its end."""

    def __init__(self, stream: BinaryIO, demuxer: str, subject: str) -> None:
        self._av = import_optional("av", "this kind of file is read by PyAV", media_formats.REMEDY)
        self._subject = subject
        self._demuxer, self._stream = demuxer, stream
        if problem := media_check.problem(stream, demuxer):
            raise AudioFileError(problem)
        stream.seek(0)
        self._count = 0  # samples so far
        self._bytes = 0  # of packets
        self._frame_samples = 0  # of the longest frame
        self._file = self._open(stream)
        try:
            self._track = self._first_track()
            self._frames = self._decode()
            self._first = next(self._frames, None)
        except BaseException:
            self.close()
            raise
        self.container = demuxer.upper()
        self.sample_rate = int(self._first.sample_rate if self._first else self._track.rate or 0)
        self.seconds = self._promised()

    def close(self) -> None:
        """Close the demuxer; the stream is the caller's."""
        self._file.close()

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the mean of the channels, (S,) at a time; the last block is followed by checks."""
        check = SampleCheck()
        waiting: list[NDArray[np.float32]] = []
        size = 0
        frame = self._first
        while frame is not None:
            waiting.append(self._mono(frame, check))
            size += len(waiting[-1])
            if size >= _BLOCK_SAMPLES:
                yield np.concatenate(waiting)
                waiting, size = [], 0
            frame = next(self._frames, None)
        if size:
            yield np.concatenate(waiting)
        if not self._count:
            raise AudioFileError("holds no audio (0 samples)")
        self._check_end()
        check.finish(self._subject)

    def _open(self, stream: BinaryIO) -> Any:
        with self._refusing():
            return self._av.open(
                _Reader(stream),
                format=self._demuxer,
                options=_OPTIONS,
                metadata_errors="replace",
                io_open=_refuse_to_open,
            )

    def _first_track(self) -> Any:
        tracks = self._file.streams.audio
        if not tracks:
            raise AudioFileError("holds no audio track")
        track = tracks[0]
        codec = track.codec_context
        if codec is None or codec.name not in _CODECS:
            name = "an unknown or encrypted codec" if codec is None else codec.name
            raise AudioFileError(f"its audio cannot be decoded ({name})")
        codec.thread_count = 1
        codec.options = {"err_detect": _OPTIONS["err_detect"]}
        return track

    def _decode(self) -> Iterator[Any]:
        packets = self._file.demux(self._track)
        while True:
            with self._refusing():
                packet = next(packets, None)
            if packet is None:
                return
            if packet.is_corrupt:
                raise AudioFileError(self._damage("a packet is not whole"))
            self._bytes += packet.size
            with self._refusing():
                frames = list(packet.decode())
            if packet.size and not frames and self._demuxer in _FRAME_A_PACKET:
                raise AudioFileError(self._damage("a frame is not whole"))
            for frame in frames:
                if frame.is_corrupt:
                    raise AudioFileError(self._damage("a frame cannot be decoded"))
                yield frame

    def _mono(self, frame: Any, check: SampleCheck) -> NDArray[np.float32]:
        if frame.sample_rate != self.sample_rate:
            raise AudioFileError(self._damage("its sample rate changes on the way"))
        channels = len(frame.layout.channels)
        if problem := limits.channels_problem(channels):
            raise AudioFileError(problem)
        samples = _to_float(frame, channels)
        check.add(np.transpose(samples), self._count / self.sample_rate, self.sample_rate)
        self._count += samples.shape[1]
        self._frame_samples = max(self._frame_samples, samples.shape[1])
        return samples[0] if channels == 1 else samples.mean(axis=0)

    def _promised(self) -> float | None:
        """Return the seconds by the track's own index, None where there is none."""
        if self._demuxer in _RAW_DEMUXERS:
            return None  # FFmpeg guesses from the bit rate
        if self._track.duration:
            return float(self._track.duration * self._track.time_base)
        if self._file.duration and len(self._file.streams) == 1:
            return self._file.duration / self._av.time_base
        return None

    def _check_end(self) -> None:
        if self._demuxer in _RAW_DEMUXERS:
            missing = media_check.missing_bytes(self._stream, self._demuxer, self._bytes)
            if missing:
                raise AudioFileError(self._damage(f"{missing} bytes of it are no audio"))
        rate = max(1, self.sample_rate)
        found = self._count / rate
        # Headers round, and count a codec's padding; the decoder of WMA keeps its last frame.
        allowed = limits.MAX_MISSING_S + _MAX_MISSING_FRAMES * self._frame_samples / rate
        if self.seconds and found + allowed < self.seconds:
            raise AudioFileError(
                f"truncated: the file promises {self.seconds:.2f} s of audio, and {found:.2f} s "
                "are in it"
            )

    def _damage(self, reason: str) -> str:
        seconds = self._count / max(1, self.sample_rate) if self._count else 0.0
        return f"damaged or truncated after {seconds:.2f} s ({reason})"

    def _refusing(self) -> "_Refusal":
        return _Refusal(self)

    def refusal(self, error: BaseException) -> AudioFileError | None:
        """Return the refusal for an error of FFmpeg's; None for other errors."""
        if not isinstance(error, self._av.FFmpegError):
            return None
        reason = str(getattr(error, "strerror", None) or error)
        return AudioFileError(self._damage(reason[:1].lower() + reason[1:]))


def _to_float(frame: Any, channels: int) -> NDArray[np.float32]:
    """Return the samples of a frame, (channels, S)."""
    values: Any = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, channels).T
    silence, scale = _SCALES.get(frame.format.name.removesuffix("p"), (0, 1))
    if scale > 1:
        values = (values - silence) / scale
    return np.asarray(values, np.float32)


class _Refusal:
    """Block in which FFmpeg's errors become refusals of the recording."""

    def __init__(self, stream: MediaStream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and (refusal := self._stream.refusal(error)):
            raise refusal from None


class _Reader:
    """Stream without a name or a path, for FFmpeg to read and to seek in."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        with accessing(None, AudioFileError):
            return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with accessing(None, AudioFileError):
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _refuse_to_open(*_: object) -> Any:
    raise AudioFileError("it names another file, and only the file itself is read")
