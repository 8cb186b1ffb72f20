"""Every format that libsndfile reads, and every way in which a file can be bad."""

import io
import os
import shlex
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxport.audio import media_formats
from voxport.audio.files import audio_files, read_audio
from voxport.audio.soundfile_stream import SoundFile
from voxport.errors import AudioFileError, AudioNotFoundError, MissingDependencyError

RATE = 16000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)

# format, subtype, tolerance: what coding loses of a pure tone
LOSSLESS = [
    ("WAV", "PCM_U8", 1e-2),
    ("WAV", "PCM_16", 1e-4),
    ("WAV", "PCM_24", 1e-6),
    ("WAV", "PCM_32", 1e-6),
    ("WAV", "FLOAT", 0),
    ("WAV", "DOUBLE", 0),
    ("WAVEX", "PCM_16", 1e-4),
    ("RF64", "PCM_16", 1e-4),
    ("W64", "PCM_16", 1e-4),
    ("AIFF", "PCM_16", 1e-4),
    ("AU", "PCM_16", 1e-4),
    ("CAF", "PCM_16", 1e-4),
    ("FLAC", "PCM_16", 1e-4),
    ("FLAC", "PCM_24", 1e-6),
]
LOSSY = [
    ("WAV", "ULAW", 5e-2),
    ("WAV", "IMA_ADPCM", 5e-2),
    ("OGG", "VORBIS", 5e-2),
    ("OGG", "OPUS", 5e-2),
    ("MP3", "MPEG_LAYER_III", 5e-2),
]
FORMATS = [*LOSSLESS, *LOSSY]


def encoded(form="WAV", subtype="PCM_16", samples=TONE, rate=RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
    return buffer.getvalue()


@pytest.fixture
def write(tmp_path):
    def write(content: bytes, name: str = "a.bin"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(("form", "subtype", "tolerance"), FORMATS)
def test_every_format_is_decoded(write, form, subtype, tolerance):
    content = encoded(form, subtype)
    for source in (write(content), content):  # a path, and the bytes themselves
        audio = read_audio(source)
        assert audio.sample_rate == RATE
        assert audio.waveform.dtype == np.float32
        assert abs(len(audio.waveform) - len(TONE)) <= 1152  # block codecs pad
        middle = slice(2000, 14000)
        assert np.abs(audio.waveform[middle] - TONE[middle]).max() <= tolerance


@pytest.mark.parametrize(("form", "subtype", "tolerance"), FORMATS)
def test_half_of_a_file_is_refused(write, form, subtype, tolerance):
    content = encoded(form, subtype)
    with pytest.raises(AudioFileError, match=r"/cut: (truncated|damaged|not audio)"):
        read_audio(write(content[: len(content) // 2], "cut"))


def test_a_cut_flac_is_refused_with_the_time_of_its_last_sample():
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, 12 * RATE)
    content = encoded("FLAC", "PCM_16", samples)
    with pytest.raises(AudioFileError, match=r"^damaged or truncated after 7\.\d\d s \("):
        read_audio(content[: len(content) * 2 // 3])


def test_a_sample_that_is_no_number_is_refused_with_its_time():
    samples = np.zeros((6 * RATE, 2))
    samples[5 * RATE, 1] = np.nan
    with pytest.raises(AudioFileError, match=r"\(NaN or infinite\), near 5\.00 s"):
        read_audio(encoded("WAV", "FLOAT", samples))


def test_channels_are_averaged(write):
    stereo = np.stack([TONE, np.zeros_like(TONE)], axis=1)
    audio = read_audio(write(encoded("WAV", "FLOAT", stereo)))
    assert np.abs(audio.waveform - TONE / 2).max() < 1e-7


def test_files_longer_than_a_block_are_decoded_whole(write):
    samples = np.random.default_rng(0).uniform(-1, 1, 200_000).astype(np.float32)
    assert (read_audio(write(encoded("WAV", "FLOAT", samples))).waveform == samples).all()


def test_silence_is_decoded(write):
    assert not read_audio(write(encoded(samples=np.zeros(100)))).waveform.any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the file is empty \(0 bytes\)"),
        (b"this is a letter, not a recording\n" * 50, "not audio that libsndfile"),
        (bytes(range(256)) * 20, "not audio that libsndfile"),
        (b"RIFF\0\0\0\0WAVE", "not audio that libsndfile"),
        (b"fLaC", "truncated: the file ends within its header"),
        (encoded("WAV", "FLOAT", np.array([0, 3.4e38])), r"more than 1e\+10.*near 0\.00 s"),
        (encoded(samples=np.zeros(0)), r"holds no audio \(0 samples\)"),
        (encoded("OGG", "VORBIS", np.zeros(0)), r"holds no audio \(0 samples\)"),
        (encoded("WAV", "FLOAT", np.full(10, np.nan)), r"not numbers \(NaN or infinite\)"),
        (encoded("WAV", "FLOAT", np.array([0, np.inf])), r"not numbers \(NaN or infinite\)"),
    ],
)
def test_bad_content_is_refused(write, content, message):
    path = write(content)
    with pytest.raises(AudioFileError, match=f"^{path}: .*{message}"):
        read_audio(path)


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"\0\0\0\x18ftypM4A ", "a.m4a", "M4A"),
        (b"\0\0\0\x18ftypisom", "talk", "MP4"),
        (b"\x1aE\xdf\xa3", "a.webm", "WebM or Matroska"),
        (b"\xff\xf1\x50\x80", "a.aac", "AAC"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a.wma", "WMA"),
        (b"#!AMR\n", "a.wav", "AMR"),
        (b"what", "a.mka", r"\.mka"),
    ],
)
def test_other_formats_get_a_command_to_paste(write, monkeypatch, head, name, kind):
    monkeypatch.setattr(media_formats, "is_installed", lambda: False)
    path = write(head + b"\1\2\3" * 200, name)
    command = rf"ffmpeg -i \S+{name} -vn -ac 1 -ar 16000 \S+\.wav$"
    with pytest.raises(AudioFileError, match=f"does not read {kind}[;:] .*: {command}") as caught:
        read_audio(path)
    with path.open("rb") as file:
        is_media = media_formats.find_demuxer(file) is not None
    assert is_media == (head not in (b"what", b"\xff\xf1\x50\x80"))  # one AAC frame is not two
    assert is_media == (': pip install "voxport[media]", or convert it' in str(caught.value))


def test_the_command_quotes_a_path_with_spaces(write, monkeypatch):
    monkeypatch.setattr(media_formats, "is_installed", lambda: False)
    path = write(b"#!AMR\n" * 9, "my talk.wav")
    with pytest.raises(AudioFileError) as caught:
        read_audio(path)
    words = shlex.split(str(caught.value).partition("flac: ")[2])
    assert words[2] == str(path)
    assert words[-1] == str(path.with_name("my talk.converted.wav"))


def test_raw_samples_are_refused(write):
    with pytest.raises(AudioFileError, match="without a header"):
        read_audio(write(TONE.tobytes(), "a.raw"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(AudioNotFoundError, match=r"/x\.wav: there is no such file"):
        read_audio(tmp_path / "x.wav")
    with pytest.raises(AudioFileError, match="cannot be read"):
        read_audio(tmp_path / "x\0.wav")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(AudioFileError, match="is a folder"):
        read_audio(tmp_path)


def test_a_device_is_refused():
    with pytest.raises(AudioFileError, match="not a regular file"):
        read_audio(Path(os.devnull))


def test_a_file_without_permission_is_refused(write, monkeypatch):
    path = write(encoded())
    path.chmod(0)
    if os.geteuid() == 0:  # root may read everything: the system's answer has to be played

        def refuse(self, *_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(AudioFileError, match="cannot be read: Permission denied"):
        read_audio(path)


def test_a_named_pipe_is_read(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(encoded(),))
    writer.start()
    assert len(read_audio(path).waveform) == len(TONE)
    writer.join()


def test_a_flac_of_unknown_length_is_decoded(write):
    """As ``flac -`` and ffmpeg write to a pipe: no count of samples in the header."""
    content = bytearray(encoded("FLAC"))
    content[21] &= 0xF0  # the count is 36 bits, from the middle of byte 21 on
    content[22:26] = bytes(4)
    assert len(read_audio(write(bytes(content))).waveform) == len(TONE)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0xFFFFFFDB, 0x80000000, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_of_unknown_length_is_decoded(write, size):
    """As ffmpeg and sox write to a pipe: an impossible length is no truncated file."""
    content = bytearray(encoded())
    content[4:8] = content[40:44] = struct.pack("<I", size)
    assert content[36:40] == b"data"
    assert len(read_audio(write(bytes(content))).waveform) == len(TONE)


@pytest.mark.parametrize("riff", [0, 36, 0xFFFFFFFF])
def test_a_wav_without_its_length_is_refused(write, riff):
    """A killed recorder leaves the length 0: that is not "no audio"."""
    content = bytearray(encoded())
    content[4:8], content[40:44] = struct.pack("<I", riff), bytes(4)
    with pytest.raises(
        AudioFileError, match=r"/a\.bin: damaged: its header tells of no audio, and"
    ):
        read_audio(write(bytes(content)))


@pytest.mark.parametrize("name", ["é.flac", "日本.flac", os.fsdecode(b"\xff.flac")])
def test_names_beyond_ascii_are_read(write, name, monkeypatch):
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")  # as where LC_ALL=C
    assert len(read_audio(write(encoded("FLAC"), name)).waveform) == len(TONE)


# A stream that fails while libsndfile reads it, which no answer may hide.


class Faulty(io.BytesIO):
    """Bytes that fail at one access, and go on as if nothing had been."""

    def __init__(self, content, failing=0, error=None):
        super().__init__(content)
        self.accesses, self._failing, self._error = 0, failing, error

    def _access(self):
        self.accesses += 1
        if self.accesses == self._failing:
            raise self._error

    def read(self, size=-1):
        self._access()
        return super().read(size)

    def readinto(self, buffer):
        self._access()
        return super().readinto(buffer)

    def seek(self, offset, whence=0):
        self._access()
        return super().seek(offset, whence)

    def tell(self):
        self._access()
        return super().tell()


@pytest.fixture
def read_stream(monkeypatch):
    def read(stream):
        monkeypatch.setattr("voxport.audio.files._stream", lambda *_: stream)
        return read_audio(Path("a"))

    return read


STREAMED = [*FORMATS, ("FLAC", "PCM_16", "of unknown length")]


@pytest.mark.parametrize(("form", "subtype", "kind"), STREAMED)
def test_the_error_of_a_failing_stream_is_raised(read_stream, form, subtype, kind):
    """At any access: the error is the stream's own, never a short recording or "damaged"."""
    content = bytearray(encoded(form, subtype, np.tile(TONE, 5)))
    if kind == "of unknown length":
        content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    whole = Faulty(content)
    read_stream(whole)
    assert whole.accesses > 10
    for failing in range(1, whole.accesses + 1):
        with pytest.raises(AudioFileError, match=r"^a: cannot be read: Input/output error$"):
            read_stream(Faulty(content, failing, OSError(5, "Input/output error")))
        with pytest.raises(KeyboardInterrupt):
            read_stream(Faulty(content, failing, KeyboardInterrupt()))


def test_an_interrupt_within_a_callback_is_raised():
    """Python raises it in whatever line is next, the first of a callback for one."""
    content, before = encoded("FLAC", "PCM_16", np.tile(TONE, 5)), sys.gettrace()

    def interrupt(frame, *_):
        called_by = frame.f_back.f_code.co_name if frame.f_back else ""
        if called_by == "_cdata_io" and "self" not in frame.f_code.co_varnames:  # a callback
            sys.settrace(before)
            raise KeyboardInterrupt

    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            read_audio(content)
    finally:
        sys.settrace(before)


def test_an_interrupt_while_closing_frees_the_file_once(monkeypatch):
    """It may come when libsndfile has freed a file already: doing so twice ends the process."""
    closed = []

    def close(self):
        closed.append(self)
        raise KeyboardInterrupt

    file = SoundFile(io.BytesIO(encoded()))
    with monkeypatch.context() as patch:
        patch.setattr("soundfile.SoundFile.close", close)
        with pytest.raises(KeyboardInterrupt):
            file.close()
        file.close()
    assert closed == [file]


def test_a_missing_soundfile_is_named(write, without):
    without("soundfile")
    with pytest.raises(MissingDependencyError, match="pip install soundfile"):
        read_audio(write(encoded()))


def test_audio_files_of_a_folder_are_sorted(tmp_path):
    for name in ("b.wav", "a/c.FLAC", "a/d.txt", "a/b/e.opus"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in audio_files(tmp_path)]
    assert names == ["a/b/e.opus", "a/c.FLAC", "b.wav"]
    assert audio_files(tmp_path / "a/d.txt") == [tmp_path / "a/d.txt"]  # asked for by name


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\x7f\xfe\x80\x01", "DTS"),
        (b".SoX", "SoX's own format"),
    ],
)
def test_another_format_with_frames_like_mpegs_is_refused(start, name):
    """A DTS file decoded, by frames found within its own, to 12 s of noise."""
    mpeg = bytes.fromhex("fffb9004") + bytes(413)  # of layer III: 128 kbit/s, 44.1 kHz
    with pytest.raises(AudioFileError, match=f"does not read {name}; convert it"):
        read_audio(start + bytes(60) + 40 * mpeg)
