"""Augmentation of recordings: speed, tempo, rooms, microphones, noise, loudness.

Plain numpy on float32 waveforms at 16 kHz, hundreds of times real time on one core: fast enough to
make every utterance new each time it is used. Knows nothing of transcripts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

SAMPLE_RATE = 16_000


def change_speed(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Resample: factor > 1 is faster and higher, formants included (a shorter vocal tract)."""
    count = max(1, int(len(waveform) / factor))
    positions = np.arange(count, dtype=np.float32) * np.float32(factor)
    left = np.minimum(positions.astype(np.int32), len(waveform) - 1)
    right = np.minimum(left + 1, len(waveform) - 1)
    part = positions - left
    return waveform[left] * (1 - part) + waveform[right] * part


def change_tempo(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Stretch by waveform-similarity overlap-add: factor > 1 is faster at the same pitch."""
    hop, search = 256, 160  # 16 ms, 10 ms each way: a period of the lowest voices
    window = np.hanning(2 * hop + 1)[: 2 * hop].astype(np.float32)
    frames = int((len(waveform) - 2 * hop - 2 * search) / (hop * factor))
    if frames < 3:
        return waveform
    out = np.zeros((frames + 1) * hop, np.float32)
    position = 0
    for frame in range(frames):
        out[frame * hop : (frame + 2) * hop] += waveform[position : position + 2 * hop] * window
        follows = waveform[position + hop : position + 2 * hop]  # what would come next, untouched
        centre = int((frame + 1) * hop * factor)
        low = max(0, centre - search)
        candidates = waveform[low : low + 2 * search + hop]
        if len(follows) < hop or len(candidates) < hop:
            break
        position = low + int(np.argmax(np.correlate(candidates, follows, "valid")))
        position = min(position, len(waveform) - 2 * hop)
    return out


def coloured_noise(count: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Return unit-RMS noise of power 1 / frequency ** slope (0 white, 1 pink, 2 brown)."""
    spectrum = scipy.fft.rfft(rng.standard_normal(count, dtype=np.float32))
    frequency = np.maximum(np.arange(len(spectrum), dtype=np.float32), count * 20 / SAMPLE_RATE)
    noise = scipy.fft.irfft(spectrum * frequency ** (-slope / 2), count)
    return (noise / (np.std(noise) + 1e-9)).astype(np.float32)


def hum(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return mains hum, 50 or 60 Hz with falling harmonics, of unit RMS."""
    time = np.arange(count, dtype=np.float32) / SAMPLE_RATE
    base = rng.choice([50.0, 60.0])
    tones = [
        rng.random() / k * np.sin(2 * np.pi * base * k * time + 6.28 * rng.random())
        for k in range(1, int(rng.integers(2, 8)))
    ]
    total = np.sum(tones, axis=0)
    return (total / (np.std(total) + 1e-9)).astype(np.float32)


def clicks(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return a few short decaying clicks of unit RMS."""
    out = np.zeros(count, np.float32)
    for _ in range(int(rng.integers(1, 6))):
        length = min(count, int(rng.integers(8, 400)))
        start = int(rng.integers(0, count - length + 1))
        decay = np.exp(-np.linspace(0, 6, length, dtype=np.float32))
        out[start : start + length] += rng.standard_normal(length).astype(np.float32) * decay
    return out / (np.std(out) + 1e-9)


def room(rng: np.random.Generator) -> np.ndarray:
    """Return a synthetic room impulse response: direct sound, early reflections, decaying tail."""
    decay_s = rng.uniform(0.08, 0.6)  # time to fall by 60 dB
    count = int(min(decay_s, 0.4) * SAMPLE_RATE)
    tail = rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / (decay_s * SAMPLE_RATE))
    tail[: int(rng.uniform(0.002, 0.02) * SAMPLE_RATE)] = 0
    response = tail * (10 ** (rng.uniform(-14, 3) / 20) / (np.linalg.norm(tail) + 1e-9))
    response[0] = 1.0
    for _ in range(int(rng.integers(0, 5))):
        response[int(rng.integers(16, min(count, 640)))] += rng.uniform(-0.4, 0.4)
    return response.astype(np.float32)


def microphone(frequencies: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a frequency response: gentle tilts and bumps, sometimes a telephone's or a codec's."""
    octave = np.log2(np.maximum(frequencies, 40.0) / 40.0)  # 0 at 40 Hz, 7.6 at 8 kHz
    decibels = rng.uniform(-1.5, 1.5) * (octave - 4)
    for _ in range(3):
        decibels = decibels + rng.uniform(-3, 3) * np.cos(
            2 * np.pi * (rng.uniform(0.05, 0.45) * octave + rng.random())
        )
    if rng.random() < 0.5:  # low-pass, from a 7 kHz codec down to the telephone's 3.4 kHz
        edge = rng.choice([3400.0, 3800.0, 4000.0, rng.uniform(3300, 7500)])
        decibels = decibels - np.clip((frequencies - edge) / rng.uniform(2, 12), 0, 90)
    if rng.random() < 0.3:
        edge = rng.uniform(60, 320)
        decibels = decibels - np.clip((edge - frequencies) / 5, 0, 40)
    if rng.random() < 0.5:  # bands gone, as SpecAugment hides them: no formant may be relied on
        for _ in range(int(rng.integers(1, 3))):
            inside = np.abs(octave - rng.uniform(2, 7.5)) < rng.uniform(0.05, 0.35)
            decibels = decibels - inside * rng.uniform(10, 40)
    return 10 ** (decibels / 20)


@dataclass(frozen=True)
class Surroundings:
    """Background sounds and rooms, all float32 at about unit RMS."""

    noises: list[np.ndarray]  # recorded noise, seconds each
    coloured: list[np.ndarray]  # white to brown
    voices: list[np.ndarray]  # other speech, for babble
    rooms: list[np.ndarray]  # impulse responses

    @staticmethod
    def gather(
        noises: list[np.ndarray], voices: list[np.ndarray], rng: np.random.Generator
    ) -> Surroundings:
        """Build from recordings (int16), scaled, with synthetic noise and rooms."""
        unit = [n.astype(np.float32) / max(float(np.std(n)), 1.0) for n in noises]
        talk = [v.astype(np.float32) / max(float(np.std(v)), 1.0) for v in voices]
        coloured = [coloured_noise(20 * SAMPLE_RATE, s, rng) for s in np.linspace(0, 2.2, 8)]
        return Surroundings(unit, coloured, talk, [room(rng) for _ in range(200)])

    def piece(self, pool: list[np.ndarray], count: int, rng: np.random.Generator) -> np.ndarray:
        """Cut ``count`` samples from a random place of a recording, repeated if it is short."""
        source = pool[int(rng.integers(len(pool)))]
        start = int(rng.integers(len(source)))
        return np.take(source, np.arange(start, start + count), mode="wrap")

    def noise(self, count: int, rng: np.random.Generator, with_voices: bool) -> np.ndarray:
        """Return unit-RMS noise of a random kind; ``with_voices`` allows babble."""
        kind = rng.random()
        if kind < 0.50:
            out = self.piece(self.noises, count, rng)
        elif kind < 0.72 or (kind >= 0.86 and not with_voices):
            out = self.piece(self.coloured, count, rng)
        elif kind < 0.80:
            out = hum(count, rng)
        elif kind < 0.86:
            out = clicks(count, rng)
        else:
            out = sum(self.piece(self.voices, count, rng) for _ in range(int(rng.integers(4, 8))))
        return out / (np.std(out) + 1e-6)


def transmit(
    waveform: np.ndarray, surroundings: Surroundings, rng: np.random.Generator
) -> np.ndarray:
    """Apply a room, a microphone, or both, in one product of spectra; the length stays."""
    count = len(waveform)
    size = scipy.fft.next_fast_len(count + 6400, real=True)
    spectrum = scipy.fft.rfft(waveform, size)
    if rng.random() < 0.45:
        response = surroundings.rooms[int(rng.integers(len(surroundings.rooms)))]
        spectrum = spectrum * scipy.fft.rfft(response, size)
    coarse = np.linspace(0, SAMPLE_RATE / 2, 1601, dtype=np.float32)
    fine = np.linspace(0, SAMPLE_RATE / 2, len(spectrum), dtype=np.float32)
    spectrum = spectrum * np.interp(fine, coarse, microphone(coarse, rng)).astype(np.float32)
    return scipy.fft.irfft(spectrum, size)[:count].astype(np.float32)


def record(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulate a converter: loudness, sometimes an offset, clipping, 16 bits or fewer."""
    level = np.sqrt(np.mean(waveform**2)) + 1e-9
    loudness = 10 ** rng.uniform(-3.0, -0.5)  # RMS of full scale: -60 to -10 dB
    out = waveform * (loudness / level)
    if rng.random() < 0.05:
        out = out + rng.uniform(-0.02, 0.02)
    if rng.random() < 0.05:
        limit = np.quantile(np.abs(out), rng.uniform(0.95, 0.999))
        out = np.clip(out, -limit, limit)
    steps = 2**15 if rng.random() < 0.9 else 2 ** int(rng.integers(8, 12))
    if steps < 2**15:
        out = out * (0.5 / (np.max(np.abs(out)) + 1e-9))
    return np.clip(np.round(out * steps) / steps, -1, 1).astype(np.float32)
