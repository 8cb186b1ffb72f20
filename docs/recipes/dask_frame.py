"""Dask: a folder of recordings into Parquet, a recognizer a partition.

python dask_frame.py RECORDINGS RESULTS
"""

import sys
from pathlib import Path

import dask.dataframe
import pandas

import voxport


def transcribe(frame):
    recognizer = voxport.load("commands", "cpu", threads=1)
    outcomes = [*recognizer.transcribe_each(list(frame["path"]))]
    texts = [one.transcript and one.transcript.text for one in outcomes]
    errors = [one.error and one.error.reason for one in outcomes]
    return frame.assign(text=texts, error=errors).astype("string")


if __name__ == "__main__":
    recordings, results = sys.argv[1:]
    paths = sorted(str(path) for path in Path(recordings).rglob("*") if path.is_file())
    frame = dask.dataframe.from_pandas(pandas.DataFrame({"path": paths}), npartitions=2)
    schema = {"path": "string", "text": "string", "error": "string"}
    rows = frame.map_partitions(transcribe, meta=schema)
    rows.to_parquet(results, compute_kwargs={"scheduler": "processes", "num_workers": 2})
