"""Wav files whose headers are wrong, joined, or hold another format."""

import io
import struct

import numpy as np
import pytest
import soundfile

from voxport.audio import riff
from voxport.audio.files import read_audio
from voxport.errors import AudioFileError

RATE = 16_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
PCM = (TONE * 32767).astype("<i2").tobytes()


SIZE = len(PCM)


def wav(claimed=SIZE, content=PCM, behind=b"", before=b"", tag=1, riff_size=None) -> bytes:
    form = struct.pack("<IHHIIHH", 16, tag, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVEfmt " + form + before + b"data" + struct.pack("<I", claimed) + content + behind
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


JUNK = b"JUNK" + struct.pack("<I", 4000) + bytes(4000)


@pytest.mark.parametrize("extra", [1, 2, 8, 16, 28, 36, 44, 640])
def test_a_data_chunk_that_claims_a_little_too_much_is_whole(extra):
    """Recorder libraries count headers in; 640 bytes are 20 ms, a frame of the model."""
    assert len(read_audio(wav(len(PCM) + extra)).waveform) == RATE


@pytest.mark.parametrize("extra", [0, -8])
def test_a_data_chunk_of_the_whole_files_size_is_whole(extra):
    header = len(wav(before=JUNK)) - len(PCM)
    assert len(read_audio(wav(len(PCM) + header + extra, before=JUNK)).waveform) == RATE


@pytest.mark.parametrize("claimed", [len(PCM) + 642, 2 * len(PCM), 0x7FFF0000, 0x80002000])
def test_a_data_chunk_that_misses_audio_is_refused(claimed):
    with pytest.raises(AudioFileError, match="truncated: the file ends before its audio does"):
        read_audio(wav(claimed))


@pytest.mark.parametrize("claimed", [0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF])
def test_lengths_that_pipes_leave_mean_all_that_follows(claimed):
    assert riff.is_unknown_length(claimed)
    assert len(read_audio(wav(claimed)).waveform) == RATE


@pytest.mark.parametrize("size", [0, 7, 2**31, 2**32 - 1])
def test_a_wrong_riff_size_does_no_harm(size):
    assert len(read_audio(wav(riff_size=size)).waveform) == RATE


@pytest.mark.parametrize(
    "behind",
    [b"LIST\4\0\0\0abcd", b"LIST\xff\0\0\0abcd", bytes(5000), b"TAG" + bytes(range(125)) * 9],
)
def test_chunks_and_tags_behind_the_samples_do_no_harm(behind):
    assert len(read_audio(wav(behind=behind)).waveform) == RATE


def test_samples_behind_the_claimed_ones_are_not_dropped_in_silence():
    """A recorder that was killed had written an earlier length."""
    with pytest.raises(AudioFileError, match="16000 bytes behind the samples belong to no chunk"):
        read_audio(wav(len(PCM) // 2))


def test_joined_files_are_decoded_to_their_end():
    buffer = io.BytesIO()
    soundfile.write(buffer, TONE[:8001], 8000, format="WAV")
    whole = read_audio(wav() + wav() + buffer.getvalue())
    assert whole.sample_rate == RATE
    assert len(whole.waveform) == 2 * RATE + 2 * 8001
    assert np.abs(whole.waveform[:RATE] - whole.waveform[RATE : 2 * RATE]).max() == 0


def test_mp3_within_wav_is_decoded_whole():
    buffer = io.BytesIO()
    soundfile.write(buffer, np.tile(TONE, 4), RATE, format="MP3")
    content = buffer.getvalue()
    whole = read_audio(content).waveform
    inside = read_audio(wav(len(content), content, tag=0x55)).waveform
    assert (inside == whole).all()
