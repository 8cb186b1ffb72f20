"""Thousands of files of varied lengths through one recognizer: does its memory stay flat?

Half of the files are recordings (where there are some, see ``benchmarks.speech``), half noise of
0.1 to 30 s, every length its own; one by one, as a service would get them.
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

_SHORTEST, _LONGEST = 0.1, 30.0  # seconds
_EVERY = 100  # files between two looks at the memory
_SETTLED = 500  # files after which memory should not grow any more


def soak(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the results.")],
    package: Annotated[str, typer.Option(help="A folder or a shipped model.")] = "commands",
    artifact: Annotated[str | None, typer.Option(help="onnx or torchscript")] = None,
    provider: Annotated[str, typer.Option(help="cpu, openvino, ...")] = "cpu",
    files: Annotated[int, typer.Option(min=_SETTLED + _EVERY)] = 5000,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Watch the memory of one recognizer over thousands of files."""
    import voxport

    recognizer = voxport.load(package, provider, artifact, threads=threads)
    other = () if provider == "cpu" else (provider,)
    resident: list[int] = []
    seconds, start = 0.0, time.perf_counter()
    for number, clip in enumerate(_clips(files), 1):
        seconds += recognizer.transcribe(clip, sample_rate=RATE).duration
        if number % _EVERY == 0:
            resident.append(usage.resident_memory())
            print(f"{number} files, {resident[-1] / 1e6:.0f} MB", file=sys.stderr)
    Results(output).add(
        "soak",
        peer=" ".join([recognizer.manifest.model.name, recognizer.artifact.path, *other]),
        files=files,
        every=_EVERY,
        audio_seconds=seconds,
        wall_seconds=time.perf_counter() - start,
        resident=resident,
        growth=resident[-1] / resident[_SETTLED // _EVERY - 1] - 1,
    )
    report.write(output)


def _clips(count: int) -> Iterator[str | NDArray[np.float32]]:
    """Paths of recordings and waveforms of noise, in a random order that is always the same."""
    rng = np.random.default_rng(0)
    recordings = speech.files()
    for _ in range(count):
        if recordings and rng.random() < 0.5:
            yield str(recordings[rng.integers(len(recordings))])
        else:
            samples = int(np.exp(rng.uniform(np.log(_SHORTEST), np.log(_LONGEST))) * RATE)
            yield rng.standard_normal(samples, np.float32) * 0.1
