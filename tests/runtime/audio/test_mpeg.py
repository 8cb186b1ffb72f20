"""MPEG audio whose header says nothing, or something wrong, of its length; damage; joined files."""

import io
import os

import numpy as np
import pytest
import soundfile

from support import data
from voxport.audio import mpeg, native_stderr
from voxport.audio.files import read_audio
from voxport.errors import AudioFileError

FRAME = 576  # samples of a frame at 16 and 22.05 kHz


def speech() -> tuple[np.ndarray, int]:
    """About 10 s: loud and silent parts have different bit rates."""
    clip, rate = soundfile.read(data.SAMPLES / "one-two-three.flac", dtype="float32")
    return np.tile(np.concatenate([clip, np.zeros(rate // 2, np.float32)]), 4), rate


def encode(samples, rate, mode="VARIABLE") -> bytes:
    buffer = io.BytesIO()
    form = {"format": "MP3", "bitrate_mode": mode, "compression_level": 0.5}
    soundfile.write(buffer, samples, rate, **form)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def mp3() -> bytes:
    return encode(*speech())


def info_frame(content: bytes) -> tuple[int, int]:
    """The size of the first frame, and where its Xing or Info mark is."""
    header = mpeg.parse_header(content[:4])
    assert header is not None
    return header.size, header.info_offset


def without_info(content: bytes) -> bytes:
    return content[info_frame(content)[0] :]


def seconds(content: bytes) -> float:
    audio = read_audio(content)
    return len(audio.waveform) / audio.sample_rate


def test_an_ordinary_file_decodes_as_libsndfile_does(mp3):
    expected, rate = soundfile.read(io.BytesIO(mp3), dtype="float32")
    found = read_audio(b"ID3\4\0\0\0\0\0\x64" + bytes(100) + mp3 + b"TAG" + bytes(125))
    assert found.sample_rate == rate
    assert found.waveform.shape == expected.shape
    assert np.abs(found.waveform - expected).max() < 1e-6


def test_a_variable_rate_without_a_count_is_heard_to_its_end(mp3):
    samples, rate = speech()
    assert seconds(without_info(mp3)) >= len(samples) / rate


@pytest.mark.parametrize("change", [-100, -1, 1, 100])
def test_a_wrong_count_of_frames_is_not_believed(mp3, change):
    place = info_frame(mp3)[1] + 8
    count = int.from_bytes(mp3[place : place + 4], "big") + change
    changed = mp3[:place] + count.to_bytes(4, "big") + mp3[place + 4 :]
    assert seconds(changed) >= seconds(mp3)


def test_any_flipped_bit_of_the_first_frames_header_ends_nothing_in_silence(mp3):
    whole, (_, place) = seconds(mp3), info_frame(mp3)
    for bit in range(8 * (place + 16)):
        changed = bytearray(mp3)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert seconds(bytes(changed)) > whole - 0.1, bit
        except AudioFileError:
            continue


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_cut_file_with_a_count_is_refused(mp3, share):
    with pytest.raises(AudioFileError, match=r"truncated: .* \(\d+ of \d+ frames\)"):
        read_audio(mp3[: int(len(mp3) * share)])


@pytest.mark.parametrize("has_info", [True, False])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_damaged_bytes_are_refused(mp3, has_info, share):
    content = bytearray(mp3 if has_info else without_info(mp3))
    place = int(len(content) * share)
    content[place : place + 512] = np.random.default_rng(1).bytes(512)
    with pytest.raises(AudioFileError, match=r"^(damaged: the bytes from \d+ on|truncated)"):
        read_audio(bytes(content))


@pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125), b"ID3\4\0\0\0\0\0\x0a" + bytes(10)])
def test_joined_files_are_heard_to_their_end(mp3, between):
    joined = seconds(mp3 + between + mp3)
    assert 2 * seconds(mp3) <= joined < 2 * seconds(mp3) + 6 * FRAME / 16_000
    bare = without_info(mp3)
    assert seconds(bare + between + bare) >= 2 * seconds(mp3)


def test_joined_files_of_two_rates_are_heard_to_their_end(mp3):
    clip = np.random.default_rng(0).uniform(-0.1, 0.1, 5 * 44_100)
    other = encode(clip, 44_100, "CONSTANT")
    assert seconds(mp3 + other) == pytest.approx(seconds(mp3) + 5, abs=0.1)
    assert seconds(other + mp3) == pytest.approx(seconds(mp3) + 5, abs=0.1)


def test_a_recording_that_starts_within_a_frame_is_heard(mp3):
    bare = without_info(mp3)
    assert seconds(bare[50:]) > seconds(mp3) - 0.1


def test_a_last_frame_that_is_cut_does_no_harm(mp3):
    bare = without_info(mp3)
    assert seconds(bare[:-7]) > seconds(mp3) - 0.1


def test_nothing_is_printed(mp3, capfd):
    """libmpg123 warns on standard error where a header counts bytes that are not there."""
    for content in (mp3, mp3 + mp3, without_info(mp3), mp3 + b"TAG" + bytes(125)):
        seconds(content)
    assert capfd.readouterr() == ("", "")


def test_random_bytes_are_no_mpeg_audio():
    noise = np.random.default_rng(0).bytes(1 << 18)
    assert not mpeg.starts_here(io.BytesIO(noise))
    with pytest.raises(AudioFileError, match="not audio that libsndfile"):
        read_audio(noise)


def test_a_file_in_the_working_directory_changes_nothing(mp3, tmp_path, monkeypatch):
    """libsndfile looks for a resource fork there, named "._", of a stream without a name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "._").touch()
    assert seconds(mp3) > 10


def test_frames_that_cannot_be_decoded_are_refused_and_nothing_is_printed(capfd):
    """Their headers are intact, and libmpg123 leaves them out."""
    with pytest.raises(AudioFileError, match=r"damaged: .*frames of MPEG audio cannot be decoded"):
        read_audio(b"\xff\xfb\x50\xc4" * 100_000)
    assert capfd.readouterr() == ("", "")


def test_captured_lines_leave_others_on_standard_error(capfd):
    with native_stderr.captured_lines("libmpg123") as lines:
        os.write(2, b"[libmpg123] error\nanother thread's\n")
    assert lines == ["[libmpg123] error"]
    assert capfd.readouterr().err == "another thread's\n"
