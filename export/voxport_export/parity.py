"""Compare an exported artifact, reloaded from disk, with eager torchaudio.

Each clip is run alone and all of them as one batch whose padding is NaN, so that a graph that
reads its padding, or a neighbour's, cannot pass. Knows nothing of formats: it is handed a
runtime's backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from voxport.graph import OUTPUTS, Backend, GraphOutput
from voxport.manifest import Parity
from voxport_export.eager import Run, eager_emission, reference_decode
from voxport_export.errors import ParityError
from voxport_export.source import Source

# The largest difference of emissions that is rounding, as a share of the largest emission
# (but of 1 at least).
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Clip:
    """A recording as the model gets it."""

    name: str
    waveform: NDArray[np.float32]  # [samples], mono, at the model's rate


@dataclass(frozen=True)
class Answer:
    """What eager torchaudio and the reference decoder make of a clip."""

    emission: NDArray[np.float32]  # [frames, labels]
    runs: list[Run]
    transcript: str

    @property
    def tolerance(self) -> float:
        """The largest difference from this emission that is rounding."""
        return TOLERANCE * max(1.0, float(np.abs(self.emission).max(initial=0.0)))


class Row(NamedTuple):
    """An artifact's answer to one clip."""

    emission: NDArray[np.float32]
    runs: list[Run]
    transcript: str


def ask_eager(source: Source, clips: Sequence[Clip], receptive_field: int) -> list[Answer]:
    """Run eager torchaudio and the reference decoder on each clip alone."""
    answers = []
    for clip in clips:
        emission = eager_emission(source, torch.from_numpy(clip.waveform), receptive_field)
        runs = reference_decode(emission, source.blank)
        transcript = "".join(source.pieces[run.label] for run in runs)
        answers.append(Answer(emission.numpy(), runs, transcript))
    return answers


def compare(
    backend: Backend, clips: Sequence[Clip], answers: Sequence[Answer], sample_rate: int
) -> Parity:
    """Run an artifact on the clips, alone and as one batch, and compare with eager's answers.

    Raises:
        ParityError: an emission, a token or a transcript differs; the message says where.
    """
    rows = [_rows(backend, [clip])[0] for clip in clips] + _rows(backend, clips)
    expected = [*answers, *answers]
    worst = max(
        (_difference(clip, answer, row), answer.tolerance)
        for clip, answer, row in zip((*clips, *clips), expected, rows, strict=True)
    )
    pairs = [
        (answer.transcript, row.transcript) for answer, row in zip(expected, rows, strict=True)
    ]
    errors = sum(torchaudio.functional.edit_distance(*pair) for pair in pairs)
    return Parity(
        reference=f"eager torchaudio {torchaudio.__version__.partition('+')[0]}",
        against=backend.runtime,
        provider=backend.provider,
        clips=len(clips),
        seconds=round(sum(len(clip.waveform) for clip in clips) / sample_rate, 3),
        max_emission_difference=worst[0],
        emission_tolerance=worst[1],
        equal_transcripts=sum(one == other for one, other in pairs) / len(pairs),
        cer=errors / max(sum(len(one) for one, _ in pairs), 1),
    )


def _difference(clip: Clip, answer: Answer, row: Row) -> float:
    """The largest difference of the emissions, once it and the path are found to be right."""
    if row.emission.shape != answer.emission.shape:
        raise ParityError(
            f"{clip.name}: the emission is {row.emission.shape}, "
            f"eager torchaudio's {answer.emission.shape}"
        )
    difference = float(np.abs(row.emission - answer.emission).max(initial=0.0))
    if not difference <= answer.tolerance:  # a NaN is not
        raise ParityError(
            f"{clip.name}: the emission differs from eager torchaudio's by {difference:.2g}, "
            f"more than {answer.tolerance:.2g}"
        )
    if row.runs != answer.runs or row.transcript != answer.transcript:
        raise ParityError(
            f"{clip.name}: the answer is {row.transcript!r}, eager torchaudio's "
            f"{answer.transcript!r}, or its tokens stand elsewhere"
        )
    return difference


def _rows(backend: Backend, clips: Sequence[Clip]) -> list[Row]:
    lengths = np.array([len(clip.waveform) for clip in clips], dtype=np.int64)
    waveform = np.full((len(clips), lengths.max()), np.nan, dtype=np.float32)
    for row, clip in zip(waveform, clips, strict=True):
        row[: len(clip.waveform)] = clip.waveform
    output = backend.run(waveform, lengths)
    return [_row(output, index) for index in range(len(clips))]


def _row(output: GraphOutput, index: int) -> Row:
    emission, frames, tokens, counts, starts, ends, _, transcripts = (
        getattr(output, name) for name in OUTPUTS
    )
    columns = [values[index, : counts[index]].tolist() for values in (tokens, starts, ends)]
    runs = [Run(*run) for run in zip(*columns, strict=True)]
    return Row(emission[index, : frames[index]], runs, str(transcripts[index]))
