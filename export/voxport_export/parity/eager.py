"""Reference answers: the source's eager model with the decoder of torchaudio's tutorial.

Every artifact is compared with them. Also the reference ``eager`` of ``voxport verify --against
eager``, which builds the model again from a manifest's source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torchaudio.models import Wav2Vec2Model

from voxport.package.manifest import CLASSIFICATION, Manifest
from voxport.package.word_pieces import drop_first_space, has_word_pieces
from voxport.verification.comparison import Answer, Expected, ExpectedAnswer, ExpectedFeatures
from voxport.verification.references import ReferenceClip
from voxport_export.errors import SourceError
from voxport_export.sources.overrides import Overrides
from voxport_export.sources.resolve import resolve
from voxport_export.sources.source import Source


@torch.no_grad()
def eager_emission(source: Source, waveform: Tensor, receptive_field: int) -> Tensor:
    """Run the reference on one waveform [samples]; return its emission [frames, labels].

    A waveform shorter than the receptive field has no frames; eager models refuse it.
    """
    if waveform.shape[-1] < receptive_field:
        return waveform.new_zeros((0, len(source.labels)))
    return source.reference(waveform.unsqueeze(0))[0][0]


@torch.no_grad()
def eager_features(source: Source, waveform: Tensor, receptive_field: int) -> Tensor:
    """Run the reference on one waveform [samples]; return its features [layers, frames, D].

    A waveform shorter than the receptive field has no frames; eager models refuse it.
    """
    is_short = waveform.shape[-1] < receptive_field
    if is_short:
        waveform = waveform.new_zeros(receptive_field)
    reference = cast("Wav2Vec2Model", source.reference)
    layers = torch.cat(reference.extract_features(waveform.unsqueeze(0))[0])
    return layers[:, :0] if is_short else layers


class TokenRun(NamedTuple):
    """One token of a greedy path and its run of frames."""

    label: int
    start: int  # first frame
    end: int  # one past the last frame


def decode_emission(emission: Tensor, blank: int) -> list[TokenRun]:
    """Decode an emission [frames, labels] as the ``GreedyCTCDecoder`` of torchaudio's tutorial.

    Argmax, collapse repeats, drop blanks; written frame by frame and apart from the graph's
    decoder, to be compared with it.
    """
    path = enumerate(emission.argmax(dim=-1).tolist())
    runs = []
    for label, frames in groupby(path, key=lambda item: item[1]):
        if label != blank:
            numbers = [frame for frame, _ in frames]
            runs.append(TokenRun(label, numbers[0], numbers[-1] + 1))
    return runs


def expected_answer(source: Source, recording: ReferenceClip, receptive_field: int) -> Expected:
    """Return the eager model's emission of a recording, decoded."""
    emission = eager_emission(source, torch.from_numpy(recording.waveform), receptive_field)
    runs = decode_emission(emission, source.blank)
    return Expected(
        name=recording.name,
        waveform=recording.waveform,
        emission=emission.numpy(),
        transcript=_join([source.pieces[run.label] for run in runs], source.pieces),
        tokens=tuple(run.label for run in runs),
        starts=tuple(run.start for run in runs),
        ends=tuple(run.end for run in runs),
    )


def _join(texts: list[str], pieces: Sequence[str]) -> str:
    return "".join(drop_first_space(texts) if has_word_pieces(pieces) else texts)


def expected_features(
    source: Source, recording: ReferenceClip, receptive_field: int
) -> ExpectedFeatures:
    """Return the outputs of the eager model's transformer layers for a recording."""
    layers = eager_features(source, torch.from_numpy(recording.waveform), receptive_field)
    return ExpectedFeatures(recording.name, recording.waveform, layers.numpy())


@torch.no_grad()
def expected_task_answer(source: Source, recording: ReferenceClip) -> ExpectedAnswer:
    """Return the eager model's answer of a task other than transcription.

    The recording is long enough for one.
    """
    values = source.reference(torch.from_numpy(recording.waveform).unsqueeze(0))[0][0]
    is_labelled = source.task == CLASSIFICATION
    return ExpectedAnswer(
        name=recording.name,
        waveform=recording.waveform,
        values=values.float().numpy(),
        label=source.labels[int(values.argmax())] if is_labelled else None,
    )


def answer(manifest: Manifest, recordings: Sequence[ReferenceClip]) -> Iterator[Answer]:
    """Answer recordings with the eager model behind a package.

    Raises:
        SourceError: the source is missing, or its labels changed.
    """
    model = manifest.model
    overrides = Overrides.from_texts(model.overrides)
    source = resolve(model.source, True, overrides)  # the certificate records unused weights
    if manifest.head is None:
        source = source.without_answers()
    if (source.labels, source.blank, source.task) != (model.labels, model.blank, model.task):
        raise SourceError(f"{model.source}: its labels are not those of the package any more")
    for recording in recordings:
        if model.transcribes:
            yield expected_answer(source, recording, model.receptive_field)
        if manifest.features is not None:
            yield expected_features(source, recording, model.receptive_field)
        if manifest.head is not None:
            yield expected_task_answer(source, recording)
