"""Crafted files that take long, or much memory, unless a bound stops them."""

import io
import struct

import pytest

from voxport.audio.files import read_audio
from voxport.errors import AudioFileError

WAV = b"RIFF\x24\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
FLAC = b"fLaC\x80\0\0\x22" + bytes(10) + b"\x03\xe8\0\xf0" + bytes(20)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ((WAV + b"data\2\0\0\0ab") * 2000, "more than 1000 recordings are joined"),
        (FLAC * 2000, "more than 1000 recordings are joined"),
        (FLAC + b"\xff\xf8" * 500_000, "hardly any of the headers"),
        (b"ID3\4\0\0\0\0\0\0" * 100_000, "not audio that libsndfile"),
        (b"TAG" * 300_000, "not audio that libsndfile"),
        (b"\xff\xfb\x50\xc4" * 100_000, "not audio|damaged|truncated"),
        (b"\0" * 5_000_000, "not audio that libsndfile"),
        (b"OggS" * 100_000, "damaged|truncated"),
    ],
)
def test_files_of_nothing_but_headers_are_refused(content, reason):
    with pytest.raises(AudioFileError, match=reason):
        read_audio(content)


def test_a_joined_file_of_a_rate_out_of_bounds_is_refused():
    odd = bytearray(WAV)
    odd[24:28] = struct.pack("<I", 7)
    with pytest.raises(AudioFileError, match="the sample rate must be 1000 to 1000000, got 7"):
        read_audio(WAV + b"data\2\0\0\0ab" + bytes(odd) + b"data\2\0\0\0ab")


def test_a_part_that_cannot_be_opened_is_refused():
    odd = bytearray(WAV)
    odd[20:22] = b"\x99\x99"
    with pytest.raises(AudioFileError, match="damaged after"):
        read_audio(io.BytesIO(WAV + b"data\2\0\0\0ab" + bytes(odd) + b"data\2\0\0\0ab"))
