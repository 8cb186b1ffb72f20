"""Whole recordings of 25 containers and encoders, made with ffmpeg and soundfile; seeds fixed.

The speech is the commands model's samples and, where it is there, the folder of ``VOXPORT_DATA``.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voxport.audio.files import audio_files, read_audio
from voxport.audio.resample import resample

_SAMPLES = Path(__file__).parents[2] / "models/commands/samples"
_RATES_HZ = (8000, 16000, 22050, 24000, 32000, 44100, 48000)

_LAME = ["-c:a", "libmp3lame"]
_ADPCM = ["-c:a", "adpcm_ima_wav"]
_ENCODERS: dict[str, tuple[str, list[str]]] = {  # name: suffix, ffmpeg's options
    "wav 16": ("wav", ["-c:a", "pcm_s16le"]),
    "wav 24": ("wav", ["-c:a", "pcm_s24le"]),
    "wav float": ("wav", ["-c:a", "pcm_f32le"]),
    "wav mu-law": ("wav", ["-c:a", "pcm_mulaw"]),
    "wav ima adpcm": ("wav", _ADPCM),
    "wav ms adpcm": ("wav", ["-c:a", "adpcm_ms"]),
    "wav gsm": ("wav", ["-c:a", "libgsm_ms", "-ar", "8000", "-ac", "1"]),
    "wav mp3": ("wav", [*_LAME, "-b:a", "64k"]),
    "rf64": ("wav", ["-rf64", "always"]),
    "w64": ("w64", ["-c:a", "pcm_s16le"]),
    "aiff": ("aiff", ["-c:a", "pcm_s16be"]),
    "au": ("au", ["-c:a", "pcm_s16be"]),
    "caf": ("caf", ["-c:a", "pcm_s16le"]),
    "caf alac": ("caf", ["-c:a", "alac"]),
    "voc": ("voc", ["-c:a", "pcm_s16le"]),
    "flac": ("flac", ["-c:a", "flac", "-sample_fmt", "s16"]),
    "flac 24": ("flac", ["-c:a", "flac", "-sample_fmt", "s32"]),
    "ogg vorbis": ("ogg", ["-c:a", "libvorbis"]),
    "ogg opus": ("opus", ["-c:a", "libopus", "-b:a", "32k"]),
    "ogg opus 60 ms": ("ogg", ["-c:a", "libopus", "-frame_duration", "60"]),
    "ogg flac": ("oga", ["-c:a", "flac", "-sample_fmt", "s16"]),
    "mp3 constant": ("mp3", [*_LAME, "-b:a", "48k"]),
    "mp3 variable": ("mp3", [*_LAME, "-q:a", "5"]),
    "mp3 without xing": ("mp3", [*_LAME, "-q:a", "4", "-write_xing", "0"]),
    "mp2": ("mp2", ["-c:a", "mp2", "-b:a", "96k", "-ar", "44100"]),
}
_PIPED = ("wav 16", "flac", "mp3 variable", "au")  # also written to a pipe, without seeking back
_OPUS_RATES_HZ = (8000, 16000, 24000, 48000)


@dataclass(frozen=True)
class Whole:
    """One recording."""

    name: str  # "mp3 variable, joined, 44100 Hz, 2 channels"
    content: bytes
    suffix: str
    tolerance_s: float  # a frame of its encoder, for each of the files joined in it


def recordings(indices: range, seed: int) -> Iterator[Whole]:
    """Yield recordings by number: plain ones of all encoders in turn, and joined and odd ones."""
    speech = _speech()
    names = list(_ENCODERS)
    for index in indices:
        chance = random.Random(f"{seed} {index}")
        name = names[index % len(names)]
        yield _recording(name, chance, speech)


def _recording(name: str, chance: random.Random, speech: list[Path]) -> Whole:
    suffix, options = _ENCODERS[name]
    rate = chance.choice(_OPUS_RATES_HZ if "opus" in name else _RATES_HZ)
    if name in ("caf alac", "voc") or suffix == "mp2":
        rate = 44100
    channels = chance.choice((1, 2))
    is_piped = name in _PIPED and chance.random() < 0.4
    content = _encode(_waveform(chance, speech, rate), rate, channels, suffix, options, is_piped)
    label = f"{name}{', from a pipe' if is_piped else ''}, {rate} Hz, {channels} channels"
    kinds = [change for change in _ODD if change[1](name)]
    files = 1
    if kinds and chance.random() < 0.5:
        title, _, change = chance.choice(kinds)
        if title == "joined":
            other = _encode(_waveform(chance, speech, rate), rate, channels, suffix, options, False)
            content, files = content + other, 4
        else:
            content = change(content, chance)
        label += f", {title}"
    frame = 4608 if "adpcm" in name or "vorbis" in name else 1152
    return Whole(label, content, suffix, files * (frame / min(rate, 16000) + 0.025))


def _encode(
    waveform: NDArray[np.float32],
    rate: int,
    channels: int,
    suffix: str,
    options: list[str],
    is_piped: bool,
) -> bytes:
    source = ["-f", "f32le", "-ar", str(rate), "-ac", "1", "-i", "-"]
    form = "ogg" if suffix == "oga" else suffix
    command = ["ffmpeg", "-v", "error", "-y", *source, "-ac", str(channels), *options, "-f", form]
    if is_piped:
        done = subprocess.run([*command, "-"], input=waveform.tobytes(), capture_output=True)
        return done.stdout
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"voxport-whole-{os.getpid()}.{suffix}"
    try:
        subprocess.run([*command, str(path)], input=waveform.tobytes(), check=True)
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)


def _waveform(chance: random.Random, speech: list[Path], rate: int) -> NDArray[np.float32]:
    parts: list[NDArray[np.float32]] = []
    for path in chance.choices(speech, k=chance.randint(1, 4)):
        audio = read_audio(path)
        parts += [resample(audio.waveform, audio.sample_rate, rate)[: 6 * rate]]
        parts += [np.zeros(chance.randint(0, rate // 2), np.float32)]
    return np.concatenate(parts)


def _speech() -> list[Path]:
    found = audio_files(_SAMPLES)
    folder = os.environ.get("VOXPORT_DATA")
    if folder:
        found += audio_files(Path(folder) / "commands" / "yes")[:50]
        found += audio_files(Path(folder) / "digits")[:50]
        found += audio_files(Path(folder) / "sentences")[:50]
    return sorted(found)


# Oddities that leave all audio in place.


def _is_mpeg(name: str) -> bool:
    return name.startswith("mp")


def _with_tags(content: bytes, chance: random.Random) -> bytes:
    size = chance.randint(1, 3000)
    head = b"ID3\4\0\0" + bytes([0, 0, size >> 7, size & 127]) + bytes(size)
    return head + content + b"TAG" + bytes(125)


def _with_wrong_data_size(content: bytes, chance: random.Random) -> bytes:
    place = content.index(b"data") + 4
    size = struct.unpack_from("<I", content, place)[0] + chance.randint(1, 44)
    if size >= 1 << 31:
        return content
    return content[:place] + struct.pack("<I", size) + content[place + 4 :]


def _with_unknown_data_size(content: bytes, chance: random.Random) -> bytes:
    place = content.index(b"data") + 4
    size = chance.choice((0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000))
    return content[:place] + struct.pack("<I", size) + content[place + 4 :]


def _with_wrong_riff_size(content: bytes, chance: random.Random) -> bytes:
    return content[:4] + struct.pack("<I", chance.randint(0, 2**31)) + content[8:]


def _with_wrong_total(content: bytes, chance: random.Random) -> bytes:
    packed = int.from_bytes(content[18:26], "big") >> 36 << 36
    total = chance.choice((0, 1, 4000, 10**7))
    return content[:18] + (packed | total).to_bytes(8, "big") + content[26:]


def _with_flipped_count(content: bytes, chance: random.Random) -> bytes:
    place = max(content.find(b"Xing"), content.find(b"Info"))
    if place < 0:
        return content
    bit = chance.randint(0, 15)
    changed = bytearray(content)
    changed[place + 11 - bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _same(content: bytes, _: random.Random) -> bytes:
    return content


_ODD: list[tuple[str, Callable[[str], bool], Callable[[bytes, random.Random], bytes]]] = [
    ("joined", lambda name: name.startswith(("mp", "flac", "ogg")), _same),
    ("with tags", _is_mpeg, _with_tags),
    (
        "with a flipped count",
        lambda name: name.startswith("mp3"),
        _with_flipped_count,
    ),
    ("data size too large", lambda name: name in ("wav 16", "wav 24"), _with_wrong_data_size),
    ("data size unknown", lambda name: name in ("wav 16", "wav float"), _with_unknown_data_size),
    ("wrong riff size", lambda name: name.startswith("wav"), _with_wrong_riff_size),
    ("wrong total", lambda name: name.startswith("flac"), _with_wrong_total),
]


def soundfile_recordings() -> dict[str, bytes]:
    """Return small recordings by format, of every one that soundfile writes and reads."""
    import io

    samples, rate = soundfile.read(_SAMPLES / "yes.flac", dtype="float32")
    found: dict[str, bytes] = {}
    for form in soundfile.available_formats():
        if form == "SD2":  # a second file, beside the first
            continue
        for subtype in soundfile.available_subtypes(form):
            buffer = io.BytesIO()
            try:
                soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
                read_audio(buffer.getvalue())
            except (soundfile.LibsndfileError, ValueError, TypeError, OSError):
                continue
            found[f"{form} {subtype}"] = buffer.getvalue()
    return found
