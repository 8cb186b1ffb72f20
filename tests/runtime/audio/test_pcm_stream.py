"""Samples from bytes in any portions, with a wav header or without."""

import io
import struct

import numpy as np
import pytest
import soundfile

from voxport.audio.pcm_stream import PcmFormat, PcmStream, parse_format
from voxport.errors import AudioFileError, InputError, naming

TONE = (0.5 * np.sin(np.arange(1000) / 10)).astype(np.float32)


def wav(subtype="PCM_16", samples=TONE, form="WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format=form, subtype=subtype)
    return buffer.getvalue()


def sized(size) -> bytes:
    content = bytearray(wav())
    content[40:44] = struct.pack("<I", size)
    return bytes(content)


def decode(stream, content, portion):
    parts = [
        stream.push(content[start : start + portion]) for start in range(0, len(content), portion)
    ]
    stream.finish()
    return np.concatenate(parts)


@pytest.mark.parametrize("portion", [1, 7, 100_000])
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [
        ("PCM_U8", 1e-2),
        ("PCM_16", 1e-4),
        ("PCM_24", 1e-6),
        ("PCM_32", 1e-6),
        ("FLOAT", 0),
        ("DOUBLE", 0),
    ],
)
def test_wav(portion, form, subtype, tolerance):
    stream = PcmStream()
    found = decode(stream, wav(subtype, form=form), portion)
    assert stream.format.rate == 8000
    assert found.dtype == np.float32
    assert np.abs(found - TONE).max() <= tolerance


def test_channels_are_averaged():
    found = decode(PcmStream(), wav("FLOAT", np.stack([TONE, 0 * TONE], axis=1)), 11)
    assert np.abs(found - TONE / 2).max() < 1e-7


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF])
def test_a_pipes_unknown_length_means_all_that_follows(size):
    assert len(decode(PcmStream(), sized(size), 99)) == len(TONE)


def test_chunks_after_the_samples_are_skipped():
    assert len(decode(PcmStream(), wav() + b"LIST\4\0\0\0abcd", 99)) == len(TONE)


def test_samples_without_a_header():
    content = (np.repeat(TONE, 2) * 2**15).astype("<i2").tobytes()
    found = decode(PcmStream(PcmFormat(channels=2)), content, 3)
    assert np.abs(found - TONE).max() < 1e-4


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", PcmFormat(16000, "s16le", 1)),
        ("48000", PcmFormat(48000, "s16le", 1)),
        (":f32le", PcmFormat(16000, "f32le", 1)),
        ("8000:u8:2", PcmFormat(8000, "u8", 2)),
    ],
)
def test_format_texts(text, form):
    assert parse_format(text) == form


@pytest.mark.parametrize("text", ["x", "16000:mp3", "16000:s16le:0", "16000:s16le:1:1", "10", "-1"])
def test_bad_format_texts_are_refused(text):
    with pytest.raises(InputError, match="expected"):
        parse_format(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"RIFF", "ended within its header"),
        (wav()[:30], "ended within its header"),
        (wav()[:-10], "truncated"),
        (b"fLaC" + bytes(100), "only wav can be followed"),
        (wav("ULAW"), "cannot be followed"),
        (wav("FLOAT", np.array([0, np.nan])), "not numbers"),
        (wav("DOUBLE", np.array([0, 1e300])), "not numbers"),
        (wav("FLOAT", np.array([0, 3.4e38])), r"more than 1e\+10"),
        (sized(0x7FFF0000), "truncated"),  # a length like any other
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "without a format"),
    ],
)
def test_bad_streams_are_refused(content, message):
    with pytest.raises(AudioFileError, match=message):
        decode(PcmStream(), content, 1000)


@pytest.mark.parametrize(
    ("place", "field", "reason"),
    [
        (24, struct.pack("<I", 500), "the sample rate must be 1000 to 1000000, got 500"),
        (24, struct.pack("<I", 2**31), "the sample rate must be 1000 to 1000000, got 2147483648"),
        (22, struct.pack("<H", 65), "1 to 64 channels, got 65"),
        (22, struct.pack("<H", 0), "1 to 64 channels, got 0"),
    ],
)
def test_a_wav_stream_out_of_bounds_names_its_file_and_no_option(place, field, reason):
    content = wav()
    changed = content[:place] + field + content[place + len(field) :]
    with pytest.raises(AudioFileError) as caught, naming("radio.wav"):
        decode(PcmStream(), changed, 1000)
    assert str(caught.value) == f"radio.wav: {reason}"
