"""Audio input of every kind as one stream, and what is refused."""

import gzip
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxport.audio.recording import read_clip
from voxport.errors import AudioError, AudioFileError, InputError

RATE = 16000
RAMP = np.linspace(-1, 1, 5, dtype=np.float32)


def read(audio, sample_rate=None, rate=RATE):
    return read_clip(audio, rate, sample_rate)


@pytest.mark.parametrize(
    "array",
    [
        RAMP,
        RAMP.astype(np.float64),
        RAMP.astype(np.float16),
        np.stack([RAMP, RAMP], axis=1),
        RAMP[:, None],
        np.array([-(2**15), -(2**14), 0, 2**14, 2**15 - 1], np.int16),
        np.array([-(2**31), -(2**30), 0, 2**30, 2**31 - 1], np.int32),
        np.array([-128, -64, 0, 64, 127], np.int8),
        np.array([0, 64, 128, 192, 255], np.uint8),
        RAMP.astype(">f4"),
        RAMP[::-1][::-1],
    ],
    ids=lambda array: f"{array.dtype}{list(array.shape)}",
)
def test_arrays_of_every_type_become_float32(array):
    before = array.copy()
    clip = read(array)
    assert clip.waveform.dtype == np.float32
    assert np.abs(clip.waveform - RAMP).max() <= 1 / 127
    assert (array == before).all()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 16000)), r"shape \[1, 16000\].*transpose"),
        (np.zeros((3, 16000)), "for a batch give a list of arrays"),
        (np.zeros((2, 2, 2)), r"\[samples\] or \[samples, channels\]"),
        (np.zeros((5, 0)), "shape"),
        (np.float32(1), r"shape \[\]"),
        (np.array([0.0, np.nan]), "NaN"),
        (np.array([0.0, -np.inf]), "infinite"),
        (np.array([0.0, 1e300]), "infinite"),
        (np.array([0, 3.4e38], np.float32), r"more than 1e\+10"),
        (np.array([1, 2]), "got int64"),
        (np.array([True]), "got bool"),
        (np.array(["a"]), "got <U1"),
        (np.array([1j]), "got complex128"),
    ],
)
def test_bad_arrays_are_refused(array, message):
    with pytest.raises(AudioError, match=f"^the audio: .*{message}"):
        read(array)


def test_the_rate_of_an_array_is_the_models_unless_given():
    waveform = np.zeros(8000, np.float32)
    assert len(read(waveform).waveform) == 8000  # the model's, if it is not given
    clip = read(waveform, 8000)
    assert (len(clip.waveform), clip.seconds) == (16000, 1.0)
    assert len(read(waveform, np.int64(8000)).waveform) == 16000
    assert len(read(waveform, 8000.0).waveform) == 16000


@pytest.mark.parametrize("rate", [0, -16000, 10, 10**7, 8000.5, "8000 Hz", float("nan")])
def test_bad_rates_are_refused(rate):
    with pytest.raises(InputError, match=r"sample.rate"):
        read(RAMP, rate)


@pytest.mark.parametrize("audio", [3, None, [1.0, 2.0], object()])
def test_other_types_are_refused(audio):
    with pytest.raises(InputError, match=r"expected a path, a numpy array.*np\.array\("):
        read(audio)


def test_a_closed_file_is_refused():
    closed = io.BytesIO(b"abc")
    closed.close()
    with pytest.raises(AudioFileError, match="cannot be read: I/O operation on closed file"):
        read(closed)


def test_a_file_reads_the_same_in_every_way(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, RAMP, 8000, subtype="FLOAT")
    with path.open("rb") as file:
        ways = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), file]
        clips = [read(way) for way in ways]
    for clip in clips:
        assert (clip.waveform == clips[0].waveform).all()
        assert clip.seconds == 5 / 8000


def test_a_tensor_reads_as_its_array():
    torch = pytest.importorskip("torch")
    assert (read(torch.from_numpy(RAMP)).waveform == RAMP).all()


def test_a_file_opened_as_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with (tmp_path / "a.txt").open() as file, pytest.raises(InputError, match="binary mode"):
        read(file)


def test_an_empty_array_is_no_error():
    clip = read(np.zeros(0, np.float32), 8000)
    assert (len(clip.waveform), clip.seconds) == (0, 0.0)


def test_messages_name_the_path_as_given():
    with pytest.raises(AudioError, match=r"^no/such\.wav: "):
        read(Path("no/such.wav"))


@pytest.mark.parametrize("scheme", ["http", "https", "HTTPS", "s3"])
def test_an_address_is_refused_with_a_command_that_downloads_it(scheme):
    address = f"{scheme}://example.org/speech.mp3"
    with pytest.raises(InputError, match=f"^{address}: is an address.*download it first"):
        read(address)


def test_an_int32_array_of_16_bit_samples_is_refused_with_its_mending():
    samples = (0.5 * np.sin(np.arange(1600) / 5) * 2**15).astype(np.int32)
    with pytest.raises(AudioError, match=r"below -90 dB.*array\.astype\(np\.int16\)"):
        read(samples)
    assert np.abs(read(samples.astype(np.int16)).waveform).max() > 0.4
    assert len(read(np.zeros(1600, np.int32)).waveform) == 1600  # digital silence is silence


def test_a_recording_below_90_db_warns(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(1600, 1e-5), RATE, subtype="FLOAT")
    with pytest.warns(UserWarning, match=r"a\.wav: the whole recording is below -90 dB"):
        read(tmp_path / "a.wav")


BROKEN = [EOFError("Compressed file ended"), zlib.error("Error -3"), KeyError("x")]


@pytest.mark.parametrize("error", BROKEN)
def test_any_error_of_a_stream_is_about_that_recording(error):
    class Stream(io.BytesIO):
        def read(self, size=-1):
            raise error

    with pytest.raises(AudioFileError, match=r"^the audio: cannot be read: "):
        read(Stream())


def test_a_truncated_gzip_is_about_that_recording(tmp_path):
    content = io.BytesIO()
    soundfile.write(content, np.random.default_rng(0).uniform(-1, 1, 9000), RATE, format="WAV")
    packed = gzip.compress(content.getvalue())[:-2000]
    with pytest.raises(AudioFileError, match=r"^the audio: cannot be read: Compressed file ended"):
        read(gzip.GzipFile(fileobj=io.BytesIO(packed)))
