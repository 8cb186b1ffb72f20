"""Composition of training utterances: clips, their order, and their surroundings.

All rows of a batch have exactly the same number of samples, filled with one or several clips and
the silence or noise between them: nothing is padded, and every normalisation sees the same input as
at inference.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from augment import Surroundings, change_speed, change_tempo, record, transmit
from data import COMMAND_WORDS, DIGIT_WORDS, SAMPLE_RATE, Clip

COMMANDS = {word.upper() for word in COMMAND_WORDS}
DIGITS = {word.upper() for word in DIGIT_WORDS}

# Share of the clips drawn from each group. Digits by many people are few and worth repeating.
SHARES = {
    "commands/command": 0.33,
    "commands/digit": 0.12,
    "commands/other": 0.09,
    "digits/digit": 0.10,
    "keywords": 0.16,
    "words": 0.03,
    "phrases": 0.03,
    "synthesis": 0.14,
}

# CTC learns a double letter late (GLAS, MIROR): two key words are drawn more often.
EMPHASIS = {"VIEW GLASS": 12.0, "SMART MIRROR": 4.0}

# (share of batches, shortest, longest) seconds a row. One second is what the commands data has.
LENGTHS = (
    (0.14, 0.3, 0.9),
    (0.22, 1.0, 1.0),
    (0.24, 0.9, 2.5),
    (0.28, 2.5, 6.0),
    (0.12, 6.0, 14.0),
)


@dataclass(frozen=True)
class Batch:
    """Utterances of one length.

    The second half of the rows has the same words at the same times as the first, through other
    microphones, rooms and noise.
    """

    waveform: np.ndarray  # float32 (rows, samples), an even number of rows
    transcripts: list[str]


def group_of(clip: Clip) -> str:
    """Return the key of SHARES for a clip."""
    if clip.source not in ("commands", "digits"):
        return clip.source
    if clip.transcript in DIGITS:
        return f"{clip.source}/digit"
    return f"{clip.source}/{'command' if clip.transcript in COMMANDS else 'other'}"


def round_length(seconds: float) -> int:
    """Round to a scale of lengths 8 % apart, one second among them.

    Kernels are prepared once for each length.
    """
    return int(1.08 ** round(np.log(seconds) / np.log(1.08)) * SAMPLE_RATE)


class Drawer:
    """A random choice of clips: groups by share, words evenly, prolific speakers held back."""

    def __init__(self, clips: list[Clip], rng: np.random.Generator) -> None:
        self.clips = [clip for clip in clips if clip.transcript]
        self.rng = rng
        weights = np.zeros(len(self.clips))
        members: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, clip in enumerate(self.clips):
            members[group_of(clip)][clip.transcript].append(index)
        for group, words in members.items():
            evenness = {
                word: len(indices) ** (0.25 if len(indices) > 4 else 1.0) * EMPHASIS.get(word, 1.0)
                for word, indices in words.items()
            }
            total = sum(evenness.values())
            for word, indices in words.items():
                share = SHARES[group] * evenness[word] / total
                weights[indices] = share * self.within(indices)
        self.pools = {"all": self.pool(weights, None)}
        self.pools["digits"] = self.pool(weights, DIGITS)
        self.pools["commands"] = self.pool(weights, COMMANDS)

    def within(self, indices: list[int]) -> np.ndarray:
        """Weigh one word's clips: a speaker counts by the square root of their number."""
        count: dict[str, int] = defaultdict(int)
        for index in indices:
            count[self.clips[index].speaker] += 1
        weight = np.array(
            [
                count[self.clips[i].speaker] ** -0.5 if self.clips[i].speaker else 1.0
                for i in indices
            ]
        )
        return weight / weight.sum()

    def pool(self, weights: np.ndarray, words: set[str] | None) -> np.ndarray:
        """Return cumulative probabilities over the clips."""
        chosen = weights.copy()
        if words is not None:
            chosen *= [set(clip.transcript.split()) <= words for clip in self.clips]
        return np.cumsum(chosen / chosen.sum())

    def draw(self, pool: str) -> Clip:
        """Draw one clip of the pool at random."""
        index = np.searchsorted(self.pools[pool], self.rng.random(), side="right")
        return self.clips[min(int(index), len(self.clips) - 1)]


class Composer:
    """A builder of batches from clips and surroundings with one random generator."""

    def __init__(self, clips: list[Clip], voices: list[np.ndarray], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.drawer = Drawer(clips, self.rng)
        noises = [clip.waveform for clip in clips if not clip.transcript]
        self.surroundings = Surroundings.gather(noises, voices, self.rng)

    def reseed(self, seed: int) -> None:
        """Begin another stream of batches, for a process with the same clips."""
        self.rng = self.drawer.rng = np.random.default_rng(seed)

    def variant(self, clip: Clip, tight: bool) -> np.ndarray:
        """Crop one clip and change its speed, at about unit RMS of its speech."""
        rng = self.rng
        start, end = clip.start, clip.end
        if not tight:
            room_s = rng.exponential(0.15, 2) if len(clip.waveform) > 17_000 else (1.0, 1.0)
            start = max(0, start - int(room_s[0] * SAMPLE_RATE))
            end = min(len(clip.waveform), end + int(room_s[1] * SAMPLE_RATE))
        waveform = clip.waveform[start:end].astype(np.float32)
        speech = clip.waveform[clip.start : clip.end].astype(np.float32)
        if clip.source == "synthesis":
            factor = np.exp(rng.uniform(-0.28, 0.22))
        else:
            factor = np.exp(rng.uniform(-0.22, 0.22))
        if rng.random() < 0.85:
            waveform = change_speed(waveform, factor)
        if rng.random() < 0.4:
            waveform = change_tempo(waveform, float(np.exp(rng.uniform(-0.25, 0.25))))
        edge = min(80, len(waveform) // 4)  # 5 ms fades, so that joins do not click
        waveform[:edge] *= np.linspace(0, 1, edge, dtype=np.float32)
        waveform[len(waveform) - edge :] *= np.linspace(1, 0, edge, dtype=np.float32)
        return waveform / max(float(np.std(speech)), 1.0)

    def speech(self, count: int) -> tuple[np.ndarray, str]:
        """Join one or more clips to ``count`` samples; return them and their transcript."""
        rng = self.rng
        out = np.zeros(count, np.float32)
        pool = str(rng.choice(["all", "digits", "commands"], p=[0.55, 0.28, 0.17]))
        single = count <= 1.3 * SAMPLE_RATE or rng.random() < 0.12
        gap_s = rng.choice([0.05, 0.2, 0.5])
        spread = rng.choice([0.0, 2.0, 5.0])  # dB between one clip and the next
        placed, position, words = [], 0, []
        misses = 0
        while misses < (25 if not placed else 3):
            clip = self.drawer.draw(pool)
            tight = count < 0.95 * SAMPLE_RATE or (rng.random() < (0.45 if single else 0.8))
            if clip.end - clip.start > 1.2 * (count - position):
                misses += 1
                continue
            waveform = self.variant(clip, tight)
            if len(waveform) > count and not tight:  # let the surroundings go, keep the speech
                excess = len(waveform) - count
                if excess < 0.2 * count:
                    cut = int(rng.integers(0, excess + 1))
                    waveform = waveform[cut : cut + count]
            gap = int(rng.exponential(gap_s) * SAMPLE_RATE) if placed else 0
            if position + gap + len(waveform) > count:
                misses += 1
                continue
            placed.append((position + gap, waveform * 10 ** (rng.normal(0, spread) / 20)))
            position += gap + len(waveform)
            words.append(clip.transcript)
            if single:
                break
        offset = int(rng.integers(0, count - position + 1))
        for start, waveform in placed:
            out[offset + start : offset + start + len(waveform)] = waveform
        return out, " ".join(words)

    def nothing(self, count: int) -> np.ndarray:
        """Return silence and noise, from digital zero up."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.12:
            return np.zeros(count, np.float32)
        if kind < 0.25:  # dither and quiet inputs
            return (self.surroundings.noise(count, rng, True) * 10 ** rng.uniform(-5, -3)).astype(
                np.float32
            )
        out = self.surroundings.noise(count, rng, True)
        if rng.random() < 0.4:
            out = out + self.surroundings.noise(count, rng, True) * rng.uniform(0.1, 1)
        if rng.random() < 0.5:
            out = transmit(out, self.surroundings, rng)
        return record(out, rng)

    def heard(self, waveform: np.ndarray) -> np.ndarray:
        """Pass speech through a random microphone."""
        rng, count = self.rng, len(waveform)
        if rng.random() < 0.65:
            waveform = transmit(waveform, self.surroundings, rng)
        if rng.random() < 0.65:
            decibels = rng.uniform(5, 35) if rng.random() < 0.7 else rng.uniform(35, 60)
            noise = self.surroundings.noise(count, rng, True)
            waveform = waveform + noise * 10 ** (-(decibels + 3) / 20)
        return record(waveform, rng)

    def pair(self, count: int) -> tuple[np.ndarray, np.ndarray, str]:
        """Return one utterance through two channels, and its transcript."""
        if self.rng.random() >= 0.08:
            waveform, transcript = self.speech(count)
            if transcript:
                return self.heard(waveform), self.heard(waveform), transcript
        return self.nothing(count), self.nothing(count), ""

    def batch(self, seconds: float, longest: float) -> Batch:
        """Return about ``seconds`` of audio in rows of one length, at most ``longest`` seconds."""
        rng = self.rng
        shares = np.array([share for share, *_ in LENGTHS])
        _, low, high = LENGTHS[int(rng.choice(len(LENGTHS), p=shares / shares.sum()))]
        low, high = min(low, longest), min(high, longest)
        count = round_length(np.exp(rng.uniform(np.log(low), np.log(high))))
        pairs = int(np.clip(seconds * SAMPLE_RATE / count / 2, 2, 40))
        first, second, transcripts = zip(*[self.pair(count) for _ in range(pairs)], strict=True)
        return Batch(np.stack(first + second), list(transcripts) * 2)
