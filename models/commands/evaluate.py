"""Word error rates on held-out speakers and clips; reproduces the table of the card.

    python models/commands/evaluate.py                  weights trained without them
    python models/commands/evaluate.py --weights FILE   any other checkpoint of the same shape

Runs torchaudio's own model in float32, one length at a time, without padding. Needs the data folder
(`$VOXPORT_DATA` or `../shared/data`); without `--json` it prints a table for people.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchaudio
from augment import clicks, coloured_noise, hum
from batches import COMMANDS, DIGITS
from data import LABELS, SAMPLE_RATE, Clip, data_folder, load_labelled
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
STRINGS = 300  # joined held-out clips, two to six words each


@dataclass(frozen=True)
class Item:
    """An utterance to recognise."""

    group: str
    waveform: np.ndarray  # float32 (samples,)
    transcript: str
    name: str = ""


def build_model(config: dict) -> torchaudio.models.Wav2Vec2Model:
    """Build torchaudio's own class from config.json."""
    arguments = dict(config["model"])
    layers = arguments["extractor_conv_layer_config"]
    arguments["extractor_conv_layer_config"] = [tuple(layer) for layer in layers]
    return torchaudio.models.wav2vec2_model(**arguments)


def load_model(weights: Path) -> torchaudio.models.Wav2Vec2Model:
    """Load weights into the shipped shape."""
    config = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    model = build_model(config)
    model.load_state_dict(load_file(weights))
    return model.eval()


def decode(emission: torch.Tensor) -> str:
    """Decode an emission (T, L) greedily to text."""
    best = torch.unique_consecutive(emission.argmax(-1)).tolist()
    return "".join(LABELS[i] for i in best if i).replace("|", " ").strip()


@torch.inference_mode()
def transcribe(model: torchaudio.models.Wav2Vec2Model, items: list[Item]) -> list[str]:
    """Return transcripts in the order given; rows of one length share a batch."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        by_length[len(item.waveform)].append(index)
    out = [""] * len(items)
    for length, indices in by_length.items():
        step = max(1, 30 * SAMPLE_RATE // length)
        for first in range(0, len(indices), step):
            rows = indices[first : first + step]
            waveform = torch.from_numpy(np.stack([items[i].waveform for i in rows]))
            for i, emission in zip(rows, model(waveform)[0], strict=True):
                out[i] = decode(emission)
    return out


def edits(reference: list[str], hypothesis: list[str]) -> int:
    """Return the Levenshtein distance."""
    row = list(range(len(hypothesis) + 1))
    for i, expected in enumerate(reference, 1):
        previous, row[0] = row[0], i
        for j, got in enumerate(hypothesis, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (expected != got))
    return row[-1]


def as_float(clip: Clip) -> np.ndarray:
    """Convert to float32 (samples,), full scale 1.0."""
    return clip.waveform.astype(np.float32) / 32768


def strings(clips: list[Clip], rng: np.random.Generator) -> list[Item]:
    """Join held-out clips with pauses of 0.1 to 0.6 s, at one loudness."""
    items = []
    pool = [c for c in clips if c.transcript and (c.source in ("commands", "digits", "keywords"))]
    by_source = {s: [c for c in pool if c.source == s] for s in ("commands", "digits", "keywords")}
    for _ in range(STRINGS):
        sources = rng.choice(list(by_source), p=[0.5, 0.35, 0.15], size=int(rng.integers(2, 7)))
        parts, words = [np.zeros(int(rng.uniform(0, 0.4) * SAMPLE_RATE), np.float32)], []
        for source in sources:
            clip = by_source[str(source)][int(rng.integers(len(by_source[str(source)])))]
            speech = as_float(clip)[clip.start : clip.end]
            parts.append(speech * (0.05 / (np.std(speech) + 1e-6)))
            parts.append(np.zeros(int(rng.uniform(0.1, 0.6) * SAMPLE_RATE), np.float32))
            words.append(clip.transcript)
        items.append(Item("joined strings", np.concatenate(parts), " ".join(words)))
    return items


def made_noise(rng: np.random.Generator) -> list[Item]:
    """Return digital silence, dither, coloured noise, hum and clicks, 0.3 to 10 s, many levels."""
    items = []
    for seconds in (0.3, 1.0, 3.0, 10.0):
        count = int(seconds * SAMPLE_RATE)
        items.append(Item("made noise", np.zeros(count, np.float32), "", f"zeros {seconds}"))
        for level in (1e-4, 1e-3, 1e-2, 0.1):
            made = {f"slope {s}": coloured_noise(count, s, rng) for s in (0.0, 1.0, 2.0)}
            made["hum"], made["clicks"] = hum(count, rng), clicks(count, rng)
            for name, noise in made.items():
                waveform = np.clip(noise * level, -1, 1).astype(np.float32)
                items.append(Item("made noise", waveform, "", f"{name} {seconds} s {level}"))
    return items


def group_name(clip: Clip) -> str:
    """Return the row of the table for a held-out clip."""
    if not clip.transcript:
        return "recorded noise"
    if clip.source != "commands":
        return clip.source
    if clip.transcript in DIGITS:
        return "commands: digits"
    return "commands: ten words" if clip.transcript in COMMANDS else "commands: other words"


def held_out_items(clips: list[Clip]) -> list[Item]:
    """Return every item of the table, always the same ones."""
    held = [clip for clip in clips if clip.held_out]
    items = [Item(group_name(c), as_float(c), c.transcript, f"{c.source}/{c.file}") for c in held]
    rng = np.random.default_rng(2)
    return items + strings(held, rng) + made_noise(rng)


def score(items: list[Item], transcripts: list[str]) -> dict[str, dict[str, float]]:
    """Return the WER of each group, or for noise the share of utterances with any word."""
    table: dict[str, dict[str, float]] = {}
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for item, transcript in zip(items, transcripts, strict=True):
        pairs[item.group].append((item.transcript, transcript))
        if item.group.startswith("commands"):
            pairs["commands: all words"].append((item.transcript, transcript))
    for group, rows in sorted(pairs.items()):
        words = sum(len(reference.split()) for reference, _ in rows)
        if words == 0:
            error = sum(bool(got) for _, got in rows) / len(rows)
        else:
            error = sum(edits(ref.split(), got.split()) for ref, got in rows) / words
        table[group] = {"utterances": len(rows), "words": words, "error_rate": round(error, 4)}
    return table


def print_table(table: dict[str, dict[str, float]]) -> None:
    """Print the table for people."""
    for group, row in table.items():
        kind = "WER" if row["words"] else "any word"
        print(f"{group:24} {row['utterances']:5.0f} utterances  {kind:8} {row['error_rate']:7.1%}")


def print_errors(items: list[Item], transcripts: list[str]) -> None:
    """Print the wrong words, most frequent first."""
    wrong = Counter(
        (item.group, item.transcript, got)
        for item, got in zip(items, transcripts, strict=True)
        if item.transcript != got
    )
    for (group, expected, got), count in wrong.most_common():
        print(f"{count:4} {group:24} {expected!r} -> {got!r}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, default=HERE / "held_out.safetensors")
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--errors", action="store_true", help="list what was heard wrongly")
    parser.add_argument("--json", action="store_true", help="one JSON line instead of the table")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"no data at {options.data}: set VOXPORT_DATA or give --data")
    items = held_out_items(load_labelled(options.data))
    transcripts = transcribe(load_model(options.weights), items)
    table = score(items, transcripts)
    print(json.dumps(table)) if options.json else print_table(table)
    if options.errors:
        print_errors(items, transcripts)


if __name__ == "__main__":
    main()
