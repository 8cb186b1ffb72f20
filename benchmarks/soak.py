"""Memory of one recognizer over thousands of files of varied lengths.

Half of the files are recordings (if there are any, see ``benchmarks.speech``), half noise of 0.1 to
30 s, each of its own length; one by one, as a service gets them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks import report, speech
from benchmarks.session import Results
from benchmarks.speech import RATE
from voxport.benchmark import usage

_SHORTEST_S, _LONGEST_S = 0.1, 30.0
_INTERVAL_FILES = 100  # between two readings of the memory
_SETTLED_FILES = 500  # memory should not grow after these


def soak(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the results.")],
    package: Annotated[str, typer.Option(help="A folder or a shipped model.")] = "commands",
    artifact: Annotated[str | None, typer.Option(help="onnx or torchscript")] = None,
    provider: Annotated[str, typer.Option(help="cpu, openvino, ...")] = "cpu",
    files: Annotated[int, typer.Option(min=_SETTLED_FILES + _INTERVAL_FILES)] = 5000,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Measure the memory of one recognizer over thousands of files."""
    import voxport

    recognizer = voxport.load(package, provider, artifact, threads=threads)
    other = () if provider == "cpu" else (provider,)
    resident: list[int] = []
    seconds, start = 0.0, time.perf_counter()
    for number, clip in enumerate(_clips(files), 1):
        seconds += recognizer.transcribe(clip, sample_rate=RATE).duration
        if number % _INTERVAL_FILES == 0:
            resident.append(usage.resident_memory())
            print(f"{number} files, {resident[-1] / 1e6:.0f} MB", file=sys.stderr)
    Results(output).add(
        "soak",
        peer=" ".join([recognizer.manifest.model.name, recognizer.artifact.path, *other]),
        files=files,
        every=_INTERVAL_FILES,
        audio_seconds=seconds,
        wall_seconds=time.perf_counter() - start,
        resident=resident,
        growth=resident[-1] / resident[_SETTLED_FILES // _INTERVAL_FILES - 1] - 1,
    )
    report.write(output)


def _clips(count: int) -> Iterator[str | NDArray[np.float32]]:
    """Yield paths of recordings and waveforms of noise in a fixed random order."""
    rng = np.random.default_rng(0)
    recordings = speech.find_recordings()
    for _ in range(count):
        if recordings and rng.random() < 0.5:
            yield str(recordings[rng.integers(len(recordings))])
        else:
            samples = int(np.exp(rng.uniform(np.log(_SHORTEST_S), np.log(_LONGEST_S))) * RATE)
            yield rng.standard_normal(samples, np.float32) * 0.1
