"""FLAC whose header is wrong, joined files, and missing frames."""

import io

import numpy as np
import pytest
import soundfile

from voxport.audio import flac
from voxport.audio.files import read_audio
from voxport.errors import AudioFileError

RATE = 16_000
NOISE = np.random.default_rng(0).integers(-9000, 9000, 5 * RATE + 77).astype(np.int16)


def encode(subtype="PCM_16", samples=NOISE, rate=RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC", subtype=subtype)
    return buffer.getvalue()


FLAC = encode()


def with_total(count: int, content=FLAC) -> bytes:
    packed = int.from_bytes(content[18:26], "big") >> 36 << 36 | count
    return content[:18] + packed.to_bytes(8, "big") + content[26:]


def without_md5(content=FLAC) -> bytes:
    return content[:26] + bytes(16) + content[42:]


def frame_places(content=FLAC) -> list[int]:
    return [frame.place for frame in flac._chain(io.BytesIO(content), 42, len(content))]


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_md5_of_every_width_is_checked(subtype, channels):
    samples = np.stack([NOISE, NOISE[::-1]], axis=1)[:, :channels]
    content = encode(subtype, samples)
    found = read_audio(content).waveform
    expected = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0].mean(axis=1)
    assert np.abs(found - expected).max() < 1e-7
    changed = bytearray(content)
    changed[30] ^= 1
    with pytest.raises(AudioFileError, match="their MD5 differs"):
        read_audio(bytes(changed))


COUNTS = [0, 1, 5000, len(NOISE) - 1, len(NOISE) + 1, 2 * len(NOISE), 2**36 - 1]


@pytest.mark.parametrize("count", COUNTS)
def test_a_wrong_count_of_samples_is_not_believed(count):
    assert len(read_audio(with_total(count)).waveform) == len(NOISE)


@pytest.mark.parametrize("count", [0, 5000, len(NOISE), 2 * len(NOISE)])
def test_without_an_md5_a_short_last_block_is_an_end(count):
    assert len(read_audio(with_total(count, without_md5())).waveform) == len(NOISE)


@pytest.mark.parametrize("has_md5", [True, False])
def test_a_file_that_is_cut_between_frames_is_refused(has_md5):
    content = FLAC if has_md5 else without_md5()
    for place in frame_places()[5:8]:
        with pytest.raises(AudioFileError, match=r"truncated: the file ends before its audio does"):
            read_audio(content[:place])


@pytest.mark.parametrize("has_md5", [True, False])
def test_a_missing_frame_is_refused(has_md5):
    content, places = FLAC if has_md5 else without_md5(), frame_places()
    with pytest.raises(AudioFileError, match="damaged: before byte"):
        read_audio(content[: places[4]] + content[places[5] :])


def test_joined_files_are_heard_to_their_end():
    whole = read_audio(FLAC + FLAC + encode(samples=NOISE[:8000], rate=8000)).waveform
    assert len(whole) == 2 * len(NOISE) + 16_000
    assert (whole[: len(NOISE)] == whole[len(NOISE) : 2 * len(NOISE)]).all()


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), bytes(5000), b"what is this" * 9])
def test_tags_and_zeros_behind_the_frames_do_no_harm(tail):
    assert len(read_audio(FLAC + tail).waveform) == len(NOISE)
    tagged = b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + FLAC
    assert len(read_audio(tagged).waveform) == len(NOISE)
