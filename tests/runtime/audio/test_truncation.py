"""Truncated files of the formats whose length libsndfile's log or a header tells."""

import io

import numpy as np
import pytest
import soundfile

from voxport.audio import truncation
from voxport.audio.files import read_audio
from voxport.errors import AudioFileError

RATE = 16_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize(
    ("log", "is_cut"),
    [
        ("data : 96000", False),
        ("data : 96000 (should be 47978)", True),
        (" SSND : 96008 (should be 47981)", True),
        ("  Data Size   : 96000 (should be 47988)", True),
        ("riff : 96104 (should be 48052)", True),  # Wave64
        ("BODY : 32000 (should be 15950)", True),
        ("Data length 16000 should be 7984", True),
        ("RIFF : 96036 (should be 48014)\ndata : 100", False),  # a cut tag, after the samples
        ("data : 0 (should be 96000)", False),  # a recorder was killed: all is there
        ("data : 96044 (should be 96000)", False),  # its header counted
        ("data : 96600 (should be 96000)", False),  # less than a frame of the model
        ("data : 4294967295 (should be 96000)", False),  # written to a pipe
        ("data : 2147483647 (should be 96000)", False),
        ("data : 2147418112 (should be 96000)", True),  # a length like any other
        ("", False),
    ],
)
def test_chunks_longer_than_the_file_are_cut(log, is_cut):
    opened = truncation.Opened("AU", 48_000, RATE, log)
    assert truncation.is_chunk_cut(opened) is is_cut


FORMATS = ["AIFF", "AU", "AVR", "CAF", "MAT4", "MAT5", "MPC2K", "NIST", "SVX", "VOC", "W64", "SDS"]


@pytest.mark.parametrize("form", [*FORMATS, "RF64", "WAVEX"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_cut_files_are_refused_and_whole_ones_read(form, share):
    buffer = io.BytesIO()
    soundfile.write(buffer, TONE, RATE, format=form, subtype="PCM_16")
    content = buffer.getvalue()
    assert np.abs(read_audio(content).waveform - TONE).max() < 1e-4
    with pytest.raises(AudioFileError, match=r"^(truncated|not audio|damaged)"):
        read_audio(content[: int(len(content) * share)])


def test_a_damaged_sample_dump_prints_nothing(capfd):
    """libsndfile prints on standard output where a packet is damaged."""
    buffer = io.BytesIO()
    soundfile.write(buffer, TONE, RATE, format="SDS", subtype="PCM_16")
    content = bytearray(buffer.getvalue())
    for place in range(21, len(content), len(content) // 40):
        changed = bytearray(content)
        changed[place] ^= 0x41
        with pytest.raises(AudioFileError, match=r"^damaged: packet \d+"):
            read_audio(bytes(changed))
    assert capfd.readouterr() == ("", "")


def voc(*blocks: tuple[int, bytes]) -> bytes:
    """A Creative Voice file."""
    head = b"Creative Voice File\x1a" + bytes([26, 0, 0x14, 1, 0x1F, 0x11])
    return head + b"".join(bytes([k]) + len(b).to_bytes(3, "little") + b for k, b in blocks) + b"\0"


def test_the_blocks_of_a_voc_file_are_joined():
    """As ffmpeg writes them; libsndfile takes the headers of further blocks for samples."""
    samples = (TONE * 2**15).astype("<i2").tobytes()
    head = RATE.to_bytes(4, "little") + bytes([16, 1, 4, 0, 0, 0, 0, 0])
    parts = [samples[start : start + 2048] for start in range(0, len(samples), 2048)]
    content = voc((9, head + parts[0]), *((2, part) for part in parts[1:]))
    assert np.abs(read_audio(content).waveform - TONE).max() < 1e-4
    with pytest.raises(AudioFileError, match="truncated"):
        read_audio(content[:-1000])
