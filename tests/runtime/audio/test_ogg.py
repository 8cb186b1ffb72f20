"""Pages of Ogg: whole files of two codecs, every kind of damage, and legal rarities."""

import io
import itertools
import struct

import numpy as np
import pytest
import soundfile

from support import data
from voxport.audio import flac, ogg
from voxport.audio.files import read_audio
from voxport.audio.spliced import Spliced
from voxport.errors import AudioFileError

FIRST, LAST = 2, 4


def page(number=0, flags=0, stream=7, body=b"xyz" * 20, table=b"") -> bytes:
    head = b"OggS\0" + struct.pack("<BqII", flags, 0, stream, number)
    table = table or bytes([len(body)])
    tail = bytes([len(table)]) + table + body
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
        (page(0, FIRST), "truncated"),
        (page(0, FIRST) + page(1), None),  # no end is flagged, as recorders on phones leave it
        (page(0, FIRST) + page(1, body=b"x" * 255, table=b"\xff"), "truncated"),  # a packet goes on
        (page(0, FIRST) + page(1) + b"Og", "truncated"),
        (page(0, FIRST) + page(1) + page(2)[:-1], "truncated"),
        (ONE[:-1], "truncated"),
        (ONE[:-70], "truncated"),
        (page(0, FIRST) + OTHER, "truncated"),  # the first stream does not end
    ],
)
def test_pages_are_checked(content, found):
    if found is None:
        ogg.split(io.BytesIO(content))
        return
    with pytest.raises(AudioFileError, match=found):
        ogg.split(io.BytesIO(content))


def test_a_chain_is_split_at_its_links():
    unended = page(0, FIRST, 9) + page(1, 0, 9)
    content = ONE + unended + OTHER
    links = [
        Spliced(io.BytesIO(content), pieces).read() for pieces in ogg.split(io.BytesIO(content))
    ]
    assert links == [ONE, page(0, FIRST, 9) + page(1, LAST, 9), OTHER]


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_any_flipped_bit_is_refused(codec):
    content = encoded(codec)
    assert ogg.split(io.BytesIO(content)) == [[(0, len(content))]]
    for place in range(0, len(content), len(content) // 99):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        with pytest.raises(AudioFileError):
            ogg.split(io.BytesIO(changed))


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_a_damaged_file_is_refused_by_name(codec):
    content = bytearray(encoded(codec))
    middle = starts(content)[3]
    flipped = content[: middle + 400] + bytes([content[middle + 400] ^ 4]) + content[middle + 401 :]
    removed = content[: starts(content)[2]] + content[middle:]
    for changed in (flipped, removed):
        with pytest.raises(AudioFileError, match=r"^damaged"):
            read_audio(bytes(changed))


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_a_chain_is_decoded_to_its_end(codec):
    first, second = (data.SAMPLES / "go-up.ogg").read_bytes(), encoded(codec)
    parts = [read_audio(content) for content in (first, second)]
    whole = read_audio(first + second)
    assert whole.sample_rate == parts[0].sample_rate
    assert len(whole.waveform) == sum(len(part.waveform) for part in parts)


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_a_stream_without_the_flag_of_its_end_is_decoded_whole(codec):
    content = bytearray(encoded(codec))
    whole = read_audio(bytes(content)).waveform
    start = starts(content)[-2]
    content[start + 5] &= ~LAST
    content[start + 22 : start + 26] = bytes(4)
    content[start + 22 : start + 26] = struct.pack("<I", ogg.checksum(bytes(content[start:])))
    assert (read_audio(bytes(content)).waveform == whole).all()


def test_flac_within_ogg_is_decoded_as_it_is_natively():
    """As ffmpeg writes it, which libsndfile does not read."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16000)
    soundfile.write(buffer, noise, 16000, format="FLAC", subtype="PCM_16")
    content = buffer.getvalue()
    places = [frame.place for frame in flac._chain(io.BytesIO(content), 42, len(content))]
    head = b"\x7fFLAC\1\0\0\1" + content[:4] + b"\0" + content[5:42]
    comment = b"\x84\0\0\x08" + bytes(8)
    frames = [content[start:end] for start, end in itertools.pairwise([*places, len(content)])]
    pages = [page(0, FIRST, body=head), page(1, body=comment)]
    pages += [page(i + 2, body=frame, table=lacing(frame)) for i, frame in enumerate(frames)]
    found = read_audio(b"".join(pages)).waveform
    assert (found == read_audio(content).waveform).all()


def lacing(packet: bytes) -> bytes:
    return b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
