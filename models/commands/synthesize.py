"""Rendering of the vocabulary by Debian's espeak-ng, flite and festival, in many voices.

Real voices matter most; synthesis adds accents, rates and word orders missing in the recordings.
Drives the synthesisers and knows nothing else: no features, no augmentation.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile
from data import COMMAND_WORDS, DIGIT_WORDS, read_audio

OTHER_WORDS = (  # noqa: SIM905
    "bed bird cat dog happy house marvin sheila tree wow backward forward follow learn visual "
    "alexa computer jarvis snowboy athena amelia archie fenrir hadouken dracarys joke goodnight"
).split()
PHRASES = (  # noqa: SIM905
    "smart mirror;view glass;hey computer;hey chatterbox;a cheddar block;you better talk;"
    "trick or treat;how are you;hey archie;hey fenrir"
).split(";")

# American and British speech more often than the others.
ESPEAK_ACCENTS = ("en-us", "en-us", "en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland",
                  "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")  # fmt: skip
ESPEAK_VARIANTS = (  # noqa: SIM905
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 "
    "Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen adam anika antonio belinda benjamin "
    "boris caleb david ed edward grandma grandpa gustave iven john kaukovalta klatt klatt2 klatt3 "
    "linda marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby "
    "steph steph2 steph3 travis victor zac"
).split()
FLITE_VOICES = ("slt", "rms", "awb", "kal16", "kal")
FESTIVAL_VOICES = ("voice_kal_diphone", "voice_ked_diphone", "voice_cmu_us_slt_arctic_hts")


def random_text(rng: random.Random) -> str:
    """Return one word, mostly; sometimes a phrase or a string of digits or commands."""
    kind = rng.random()
    if kind < 0.30:
        return rng.choice(DIGIT_WORDS)
    if kind < 0.50:
        return rng.choice(COMMAND_WORDS)
    if kind < 0.65:
        return rng.choice(OTHER_WORDS)
    if kind < 0.72:
        return rng.choice(PHRASES)
    if kind < 0.87:
        return " ".join(rng.choices(DIGIT_WORDS, k=rng.randint(2, 5)))
    return " ".join(rng.choices(COMMAND_WORDS + OTHER_WORDS + DIGIT_WORDS, k=rng.randint(2, 4)))


def espeak(text: str, rng: random.Random, path: Path) -> str:
    """Write the text in a random voice to ``path``; return the voice."""
    voice = f"{rng.choice(ESPEAK_ACCENTS)}+{rng.choice(ESPEAK_VARIANTS)}"
    pitch, rate = rng.randint(20, 80), rng.randint(110, 200)
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(rate), "-w", str(path), text]
    subprocess.run(command, check=True, capture_output=True)
    return f"espeak-ng {voice} pitch {pitch} rate {rate}"


def flite(text: str, rng: random.Random, path: Path) -> str:
    """Write the text as ``espeak`` does."""
    voice, stretch, pitch = rng.choice(FLITE_VOICES), rng.uniform(0.8, 1.35), rng.randint(85, 220)
    settings = [f"duration_stretch={stretch:.2f}", f"int_f0_target_mean={pitch}"]
    command = ["flite", "-voice", voice, "--setf", settings[0], "--setf", settings[1], "-t", text]
    subprocess.run([*command, "-o", str(path)], check=True, capture_output=True)
    return f"flite {voice} {' '.join(settings)}"


def festival(text: str, rng: random.Random, path: Path) -> str:
    """Write the text as ``espeak`` does."""
    voice, stretch = rng.choice(FESTIVAL_VOICES), rng.uniform(0.85, 1.3)
    program = f"({voice}) (Parameter.set 'Duration_Stretch {stretch:.2f})"
    command = ["text2wave", "-eval", program, "-o", str(path)]
    subprocess.run(command, check=True, capture_output=True, input=text.encode())
    return f"festival {voice} Duration_Stretch {stretch:.2f}"


ENGINES = {"espeak-ng": espeak, "flite": flite, "festival": festival}


def render(index: int, engine: str, folder: Path, seed: int) -> dict:
    """Write one utterance to ``folder``, 16 kHz FLAC; return its row of the manifest."""
    rng = random.Random(f"{seed} {engine} {index}")
    text = random_text(rng)
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "raw.wav"
        voice = ENGINES[engine](text, rng, raw)
        waveform = read_audio(raw)
    peak = max(abs(waveform).max(), 1e-4)
    name = f"{engine}-{index:05d}.flac"
    soundfile.write(folder / name, waveform * (0.7 / peak), 16_000)
    return {
        "file": name,
        "transcript": text,
        "seconds": round(len(waveform) / 16_000, 3),
        "speaker": voice,
    }


def render_all(folder: Path, counts: dict[str, int], seed: int, workers: int) -> None:
    """Write ``counts`` utterances of each engine and a manifest; equal seeds give equal ones."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(i, engine) for engine, count in counts.items() for i in range(count)]
    with ThreadPoolExecutor(workers) as pool:
        done = list(pool.map(lambda job: render(job[0], job[1], folder, seed), jobs))
    with (folder / "manifest.jsonl").open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in done)
    print(f"{len(done)} utterances, {sum(r['seconds'] for r in done):.0f} s", file=sys.stderr)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/commands-training"))
    parser.add_argument("--espeak", type=int, default=6000, help="utterances by espeak-ng")
    parser.add_argument("--flite", type=int, default=1500, help="utterances by flite")
    parser.add_argument("--festival", type=int, default=600, help="utterances by festival")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    counts = {"espeak-ng": options.espeak, "flite": options.flite, "festival": options.festival}
    render_all(options.work / "synthesis", counts, options.seed, options.workers)


if __name__ == "__main__":
    main()
