"""Hugging Face datasets: a column of texts beside the recordings, batched.

python hf_datasets.py RECORDINGS RESULTS
"""

import functools
import sys
from pathlib import Path

import datasets

import voxport

load = functools.cache(voxport.load)  # once a process


def transcribe(batch):
    audio = [one["bytes"] or one["path"] for one in batch["audio"]]
    outcomes = [*load("commands", "cpu", threads=1).transcribe_each(audio)]
    return {
        "text": [one.transcript and one.transcript.text for one in outcomes],
        "error": [one.error and one.error.reason for one in outcomes],
    }


if __name__ == "__main__":
    recordings, results = sys.argv[1:]
    paths = sorted(str(path) for path in Path(recordings).rglob("*") if path.is_file())
    dataset = datasets.Dataset.from_dict({"path": paths, "audio": paths})
    dataset = dataset.cast_column("audio", datasets.Audio(decode=False))  # voxport decodes it
    rows = dataset.map(transcribe, batched=True, batch_size=100, remove_columns=["audio"])
    rows.to_parquet(results)
