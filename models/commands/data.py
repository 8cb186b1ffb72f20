"""The speech of training, and the held-out speech.

Reads the manifests of the data folder into memory once: every clip as 16 kHz mono int16 with its
transcript, the bounds of its speech, and a split by speaker alone (by file name in sources without
speakers). Knows nothing of augmentation or models.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

SAMPLE_RATE = 16_000
REPOSITORY = Path(__file__).resolve().parents[2]

# Greedy letters of torchaudio's 960H bundles: blank first, "|" between words.
LABELS = tuple("-|ETAONIHSRDLUMWCFGYPBVK'XJQZ")

COMMAND_WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
DIGIT_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

# Two of the five digit speakers, a fifth of the commands speakers and of the noise clips, and 15 %
# of the clips whose source names no speaker are held out.
HELD_OUT_DIGIT_SPEAKERS = ("fsdd-jackson", "fsdd-lucas")
HELD_OUT_SPEAKERS = 0.20
HELD_OUT_FILES = 0.15

LABELLED_SETS = ("commands", "digits", "keywords", "words", "phrases")


@dataclass(frozen=True)
class Clip:
    """A decoded recording."""

    file: str  # relative to the data folder
    source: str  # the set it comes from: commands, digits, ..., synthesis
    transcript: str  # upper case, single spaces; empty for silence and noise
    speaker: str  # empty where the source gives none
    held_out: bool
    waveform: np.ndarray  # int16 (samples,), 16 kHz
    start: int  # first sample of speech
    end: int  # one past the last sample of speech


def data_folder() -> Path:
    """Return ``$VOXPORT_DATA``, or ``../shared/data`` beside the repository."""
    return Path(os.environ.get("VOXPORT_DATA") or REPOSITORY.parent / "shared" / "data")


def normalise_transcript(text: str) -> str:
    """Reduce a transcript to upper-case letters, apostrophes and single spaces."""
    return " ".join(re.sub(r"[^A-Z']+", " ", text.upper().replace("\u2019", "'")).split())


def encode(transcript: str) -> list[int]:
    """Return the label indices of a transcript; the delimiter only between words."""
    return [LABELS.index(character) for character in transcript.replace(" ", "|")]


def fraction(key: str) -> float:
    """Return a number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.sha1(key.encode()).digest()[:4], "big") / 2**32


def is_held_out(source: str, file: str, speaker: str) -> bool:
    """Return True for a clip excluded from training."""
    if source == "digits":
        return speaker in HELD_OUT_DIGIT_SPEAKERS
    if source == "commands":
        return fraction(speaker or file) < HELD_OUT_SPEAKERS
    return fraction(file) < HELD_OUT_FILES


def read_audio(path: Path) -> np.ndarray:
    """Read a file as float32 (samples,), 16 kHz mono."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate == SAMPLE_RATE:
        return mono
    divisor = gcd(rate, SAMPLE_RATE)
    return resample_poly(mono, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)


def speech_bounds(waveform: np.ndarray) -> tuple[int, int]:
    """Return the begin and end of speech by energy; the whole clip if they are unclear."""
    hop = 160  # 10 ms
    frames = len(waveform) // hop
    if frames < 5:
        return 0, len(waveform)
    samples = waveform[: frames * hop].astype(np.float32).reshape(frames, hop)
    level = 10 * np.log10(np.var(samples, axis=1) + 1e-3)
    level = np.convolve(level, np.ones(3) / 3, mode="same")
    peak, floor = np.percentile(level, 97), np.percentile(level, 10)
    if peak - floor < 10:
        return 0, len(waveform)
    active = np.flatnonzero(level > max(peak - 32, floor + min(8.0, 0.35 * (peak - floor))))
    start, end = active[0] * hop - 480, (active[-1] + 1) * hop + 800  # soft onsets, long tails
    return max(0, int(start)), min(len(waveform), int(end))


def rows(folder: Path) -> Iterator[dict]:
    """Yield the rows of a manifest."""
    with (folder / "manifest.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Convert full scale 1.0 to 16 bits: half the memory, and the format of most files."""
    return np.clip(np.round(waveform * 32767), -32768, 32767).astype(np.int16)


def load_set(folder: Path, source: str) -> list[Clip]:
    """Decode every clip of one manifest."""
    clips = []
    for row in rows(folder):
        waveform = to_int16(read_audio(folder / row["file"]))
        transcript = normalise_transcript(row.get("transcript") or "")
        speaker = row.get("speaker", "")
        start, end = speech_bounds(waveform) if transcript else (0, len(waveform))
        held_out = source != "synthesis" and is_held_out(source, row["file"], speaker)
        clips.append(Clip(row["file"], source, transcript, speaker, held_out, waveform, start, end))
    return clips


def load_labelled(folder: Path) -> list[Clip]:
    """Load every clip with a transcript."""
    return [clip for source in LABELLED_SETS for clip in load_set(folder / source, source)]


def load_unlabelled(folder: Path) -> list[np.ndarray]:
    """Load other real speech, int16 at 16 kHz: for the front end, and as babble behind clips."""
    parts = [
        folder / "sentences",
        *sorted(path.parent for path in folder.glob("speech/*/manifest.jsonl")),
    ]
    waveforms = []
    for part in parts:
        if part.name == "uberi-speech_recognition":  # kept apart: digits, a check from outside
            continue
        for row in rows(part):
            if row.get("seconds", 60.0) > 30.0:
                continue
            try:
                waveforms.append(to_int16(read_audio(part / row["file"])))
            except soundfile.LibsndfileError as error:  # one source ships damaged FLAC on purpose
                print(f"left out {part.name}/{row['file']}: {error}", file=sys.stderr)
    return waveforms
