"""AU, AIFF, CAF and BW64: all samples are heard, or the file is refused."""

import io
import struct

import numpy as np
import pytest
import soundfile

from voxport.audio.files import read_audio
from voxport.errors import AudioFileError

RATE = 16_000
SAMPLES = (np.random.default_rng(0).standard_normal(RATE) * 3000).astype(np.int16)


def written(form):
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, RATE, format=form, subtype="PCM_16")
    return buffer.getvalue()


def with_size(form, size):
    """The file with another size of its samples, in bytes."""
    content = bytearray(written(form))
    if form == "AU":
        content[8:12] = struct.pack(">I", size)
    elif form == "AIFF":
        place = content.index(b"SSND") + 4
        content[place : place + 4] = struct.pack(">I", size + 8)
    else:
        place = content.index(b"data") + 4
        content[place : place + 8] = struct.pack(">q", size + 4 if size >= 0 else size)
    return bytes(content)


def heard(content):
    return len(read_audio(content).waveform)


@pytest.mark.parametrize("form", ["AU", "AIFF", "CAF"])
def test_a_right_size_is_left(form):
    assert with_size(form, 2 * RATE) == written(form)
    assert heard(written(form)) == RATE


@pytest.mark.parametrize(
    "content", [with_size("AU", RATE), with_size("CAF", -1)], ids=["au", "caf"]
)
def test_samples_behind_the_claimed_ones_are_heard(content):
    audio = read_audio(content)
    assert np.array_equal(audio.waveform, SAMPLES.astype(np.float32) / 32768)


@pytest.mark.parametrize("form", ["AIFF", "CAF"])
def test_samples_that_belong_to_no_chunk_are_refused(form):
    with pytest.raises(AudioFileError, match="bytes behind the samples belong to no chunk"):
        read_audio(with_size(form, RATE))


@pytest.mark.parametrize("form", ["AU", "AIFF", "CAF"])
@pytest.mark.parametrize(
    "tail", [bytes(5000), b"TAG" + bytes(125), b"ID3\3\0\0\0\0\1\0" + bytes(128), bytes(7)]
)
def test_tags_and_zeros_behind_are_no_samples(form, tail):
    assert heard(written(form) + tail) == RATE


@pytest.mark.parametrize("form", ["AIFF", "CAF"])
def test_a_second_file_behind_the_first_is_refused(form):
    with pytest.raises(AudioFileError, match=r"joined|belong to no chunk"):
        read_audio(2 * written(form))


def test_a_chunk_behind_the_samples_is_none_of_them():
    aiff = written("AIFF") + b"ID3 " + struct.pack(">I", 10) + b"ID3\3\0\0\0\0\0\0"
    assert heard(aiff) == RATE


@pytest.mark.parametrize("tail", [b"", b"axml" + struct.pack("<I", 4) + b"<a/>"])
def test_bw64_is_read_as_rf64(tail):
    wide = struct.pack("<QQQI", 0, 2 * RATE, RATE, 0)
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    chunks = b"ds64" + struct.pack("<I", 28) + wide + b"fmt " + struct.pack("<I", 16) + form
    content = b"BW64\xff\xff\xff\xffWAVE" + chunks + b"data\xff\xff\xff\xff" + SAMPLES.tobytes()
    assert heard(content + tail) == RATE
