"""Effect of a lower precision on every labelled clip of the data folder.

    voxport export commands -o build/commands --precision fp32 --precision int8
    python models/commands/precisions.py build/commands
    python models/commands/precisions.py build/commands --precision int8 --provider openvino

Counts the transcripts equal to fp32's, and the character error rate of both against the labels.
Some of the clips were trained on: this compares precisions, `evaluate.py` measures the model.
"""

from __future__ import annotations

import argparse
import json

from data import LABELLED_SETS, data_folder, normalise_transcript

import voxport
from voxport.transcript.edit_distance import character_error_rate


def labelled() -> list[tuple[str, str, str]]:
    """Return the set, the file and the label of each clip."""
    rows = []
    for name in LABELLED_SETS:
        folder = data_folder() / name
        for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            label = normalise_transcript(row["transcript"])
            rows.append((name, str(folder / row["file"]), label))
    return rows


def transcribe(package: str, precision: str, provider: str, files: list[str]) -> list[str]:
    """Return the text of each file."""
    recognizer = voxport.load(package, provider=provider, precision=precision)
    return [outcome.result().text for outcome in recognizer.transcribe_each(files)]


def main() -> None:
    """Print a table for people and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", help="a package that holds fp32 and the other precision")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--provider", default="cpu", help="for the other precision")
    given = parser.parse_args()
    sets, files, labels = zip(*labelled(), strict=True)
    exact = transcribe(given.package, "fp32", "cpu", list(files))
    lower = transcribe(given.package, given.precision, given.provider, list(files))
    equal = [one == other for one, other in zip(exact, lower, strict=True)]
    found = {
        "precision": given.precision,
        "provider": given.provider,
        "clips": len(equal),
        "equal": round(sum(equal) / len(equal), 4),
        "cer_against_fp32": round(character_error_rate(zip(exact, lower, strict=True)), 4),
        "cer_fp32": round(character_error_rate(zip(labels, exact, strict=True)), 4),
        "cer": round(character_error_rate(zip(labels, lower, strict=True)), 4),
    }
    for name in LABELLED_SETS:
        same = [is_equal for is_equal, owner in zip(equal, sets, strict=True) if owner == name]
        print(f"{name:10} {sum(same) / len(same):.2%} of {len(same)} transcripts as fp32's")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
