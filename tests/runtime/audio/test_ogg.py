"""Pages of Ogg: whole files of two codecs, every kind of damage, and what is legal but rare."""

import io
import struct
import time

import numpy as np
import pytest
import soundfile

from support import data
from voxport.audio import ogg
from voxport.audio.files import read_audio
from voxport.errors import AudioFileError

FIRST, LAST = 2, 4


def page(number=0, flags=0, stream=7, body=b"xyz" * 20) -> bytes:
    head = b"OggS\0" + struct.pack("<BqII", flags, 0, stream, number)
    tail = bytes([1, len(body)]) + body
    return head + struct.pack("<I", ogg.checksum(head + bytes(4) + tail)) + tail


ONE = page(0, FIRST) + page(1) + page(2, LAST)
OTHER = page(0, FIRST, 8) + page(1, LAST, 8)


def encoded(codec) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * 16000)
    soundfile.write(buffer, noise, 16000, format="OGG", subtype=codec)
    return buffer.getvalue()


def starts(content: bytes) -> list[int]:
    places, place = [], content.find(b"OggS")
    while place >= 0:
        places.append(place)
        place = content.find(b"OggS", place + 1)
    return [*places, len(content)]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (ONE, None),
        (page(0, FIRST | LAST), None),
        (ONE + bytes(9), None),  # something behind the stream does no harm
        (bytes(9) + ONE, None),  # nor a tag before it
        (page(5, FIRST) + page(6, LAST), None),  # numbers need not start at 0
        (page(0, FIRST) + page(0, FIRST, 8) + page(1, LAST, 8) + page(1, LAST), None),  # two
        (page(2**32 - 1, FIRST) + page(0, LAST), None),
        (b"no page at all", None),
        (bytes(200_000) + ONE + bytes(200_000), None),
        (page(0, FIRST) + page(2, LAST), "damaged: before byte"),
        (page(0, FIRST) + page(1) + page(1) + page(2, LAST), "damaged: before byte"),
        (page(1) + page(2, LAST), "damaged: before byte 0"),
        (page(0, FIRST) + bytes(9) + page(1, LAST), "belong to no page"),
        (page(0, FIRST) + page(1), "truncated"),
        (ONE[:-1], "truncated"),
        (ONE[:-70], "truncated"),
        (page(0, FIRST) + OTHER, "truncated"),  # the first stream does not end
        (ONE + OTHER, "2 recordings one behind another"),
    ],
)
def test_pages(content, found):
    problem = ogg.problem(io.BytesIO(content))
    assert problem is None if found is None else found in problem


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_any_flipped_bit(codec):
    content = encoded(codec)
    assert ogg.problem(io.BytesIO(content)) is None
    for place in range(0, len(content), len(content) // 99):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        assert ogg.problem(io.BytesIO(changed)), place


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_a_damaged_file_is_named(codec):
    content = bytearray(encoded(codec))
    middle = starts(content)[3]
    flipped = content[: middle + 400] + bytes([content[middle + 400] ^ 4]) + content[middle + 401 :]
    removed = content[: starts(content)[2]] + content[middle:]
    for changed in (flipped, removed):
        with pytest.raises(AudioFileError, match=r"^damaged"):
            read_audio(bytes(changed))


def test_a_chain_is_refused_rather_than_read_in_part():
    content = (data.SAMPLES / "go-up.ogg").read_bytes()
    with pytest.raises(AudioFileError, match="2 recordings one behind another"):
        read_audio(content + encoded("OPUS"))


def test_an_hour_is_quick():
    content = b"".join(page(i, FIRST if not i else 0, body=bytes(255)) for i in range(3600))
    start = time.perf_counter()
    ogg.problem(io.BytesIO(content))
    assert time.perf_counter() - start < 1
