"""Synthesis of `samples/`: short recordings in several formats, for demonstrations and tests.

All are synthesised here (espeak-ng, flite, festival): the folder holds no third party's recording.
Voices and settings are fixed, so every run makes the same audio.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from data import SAMPLE_RATE, read_audio
from scipy.signal import resample_poly


@dataclass(frozen=True)
class Sample:
    """A file of the folder."""

    file: str
    transcript: str
    command: tuple[str, ...]  # the synthesiser; OUT stands for the file it writes
    rate: int = SAMPLE_RATE
    channels: int = 1
    pause_s: float = 0.25  # silence before and after


def flite(voice: str, text: str, stretch: float = 1.0) -> tuple[str, ...]:
    """Return a flite command."""
    setting = f"duration_stretch={stretch}"
    return ("flite", "-voice", voice, "--setf", setting, "-t", text, "-o", "OUT")


def espeak(voice: str, text: str, rate: int = 140) -> tuple[str, ...]:
    """Return an espeak-ng command."""
    return ("espeak-ng", "-v", voice, "-s", str(rate), "-w", "OUT", text)


def festival(voice: str) -> tuple[str, ...]:
    """Return a festival command; the words come from its input."""
    return ("text2wave", "-eval", f"({voice})", "-o", "OUT")


SAMPLES = (
    Sample("yes.flac", "YES", flite("slt", "yes")),
    Sample("stop.flac", "STOP", flite("rms", "stop")),
    Sample("seven.wav", "SEVEN", espeak("en-us+m3", "seven"), rate=8_000),
    Sample("one-two-three.flac", "ONE TWO THREE", flite("slt", "one, two, three", 1.1)),
    Sample("left-right.flac", "LEFT RIGHT", festival("voice_ked_diphone")),
    Sample("go-up.ogg", "GO UP", flite("rms", "go, up")),
    Sample("computer.flac", "COMPUTER", flite("slt", "computer"), rate=44_100, channels=2),
    Sample("four-zero-nine.flac", "FOUR ZERO NINE", espeak("en-gb+f2", "four, zero, nine", 130)),
    Sample("no-down-off-on.flac", "NO DOWN OFF ON", espeak("en-us+m3", "no, down, off, on")),
    Sample("noise.flac", "", ()),
)


def render(sample: Sample) -> np.ndarray:
    """Render float32 (samples,) at 16 kHz, with a little room tone all through."""
    rng = np.random.default_rng(len(sample.file))
    if not sample.command:
        return (rng.standard_normal(2 * SAMPLE_RATE) * 0.003).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.wav"
        command = [str(path) if part == "OUT" else part for part in sample.command]
        text = sample.transcript.lower().replace(" ", ", ").encode()
        subprocess.run(command, check=True, capture_output=True, input=text)
        speech = read_audio(path)
    speech = np.pad(speech * (0.5 / np.abs(speech).max()), int(sample.pause_s * SAMPLE_RATE))
    return (speech + rng.standard_normal(len(speech)) * 0.0005).astype(np.float32)


def write(sample: Sample, folder: Path) -> dict:
    """Write the file; return its row of the manifest."""
    waveform = render(sample)
    if sample.rate != SAMPLE_RATE:
        divisor = gcd(sample.rate, SAMPLE_RATE)
        waveform = resample_poly(waveform, sample.rate // divisor, SAMPLE_RATE // divisor)
    channels = np.stack([waveform] * sample.channels, axis=1)
    if sample.channels == 2:
        channels = channels * np.array([1.0, 0.7])  # a little to the left
    soundfile.write(folder / sample.file, channels, sample.rate)
    engine = sample.command[0] if sample.command else "a random generator"
    engine = engine.replace("text2wave", "festival")
    return {
        "file": sample.file,
        "transcript": sample.transcript,
        "seconds": round(len(waveform) / sample.rate, 3),
        "sample_rate": sample.rate,
        "channels": sample.channels,
        "source": f"synthesised for this project with {engine}",
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parent
    parser.add_argument("--out", type=Path, default=here / "samples")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    written = [write(sample, options.out) for sample in SAMPLES]
    with (options.out / "manifest.jsonl").open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in written)


if __name__ == "__main__":
    main()
