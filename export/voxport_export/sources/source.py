"""A model to export, with everything its transcripts depend on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torchaudio
from torch import Tensor, nn
from torchaudio.models import Wav2Vec2Model

from voxport.package.manifest import EMBEDDING, TRANSCRIPTION
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.graph.heads import Head
from voxport_export.sources.language_model import CheckpointLanguageModel

# torchaudio normalises with nn.functional.layer_norm, whose epsilon this is.
TORCHAUDIO_EPS = 1e-5

_TORCHAUDIO = f"eager torchaudio {torchaudio.__version__.partition('+')[0]}"


@dataclass(frozen=True)
class Source:
    """An eager model with its labels, blank, delimiter, rate and normalisation.

    Without a CTC head it has no labels, unless ``answers`` has.
    """

    name: str  # of the package
    origin: str  # `voxport verify --against eager` finds the model again by it
    licence: str  # of the weights: an SPDX identifier, or words where there is none
    model: AcousticModel
    reference: nn.Module  # the source's own: waveform [1, samples] -> (emission, lengths)
    labels: tuple[str, ...]  # none without a head
    blank: int  # index of the blank label; 0 without a head
    word_delimiter: str | None  # the label that becomes a space in text
    sample_rate: int  # Hz
    normalize_eps: float | None  # epsilon of the waveform's normalisation; None: not normalised
    log_probs: bool = False  # the emission is log-softmaxed, not logits
    reference_name: str = _TORCHAUDIO  # "eager transformers 5.23.0"; the manifest states it
    unused_weights: tuple[str, ...] = ()  # of the checkpoint, left out on request
    vocabulary: str = ""  # the speech that it understands, where that is not all of a language
    notes: tuple[str, ...] = ()  # decisions that the source's files leave open
    answers: Head | None = None  # the head of another task than transcription
    # Reads and checks the checkpoint's language model, if it brings one
    read_language_model: Callable[[], CheckpointLanguageModel | None] = lambda: None

    def __post_init__(self) -> None:
        """Refuse labels that do not fit the head: they would give a wrong transcript."""
        outputs = 0 if self.model.head is None else self.model.head.out_features
        if self.answers is not None and self.task != EMBEDDING:
            outputs = self.answers.width
        if outputs != len(self.labels):
            raise ValueError(
                f"{self.name}: the model has {outputs} outputs, but {len(self.labels)} labels"
            )
        if not 0 <= self.blank < max(outputs, 1):
            raise ValueError(f"{self.name}: blank is {self.blank}, of {outputs} labels")
        if self.word_delimiter is not None and self.word_delimiter not in self.labels:
            raise ValueError(
                f"{self.name}: word_delimiter {self.word_delimiter!r} is not one of the labels"
            )

    @property
    def task(self) -> str:
        """The model's task, as a manifest names it; features alone are transcription's."""
        return TRANSCRIPTION if self.answers is None else self.answers.task

    @property
    def transcribes(self) -> bool:
        """True with a CTC head."""
        return bool(self.labels) and self.answers is None

    def without_answers(self) -> Source:
        """Return the model without the head of another task, for its features."""
        return self if self.answers is None else replace(self, answers=None, labels=())

    @property
    def pieces(self) -> list[str]:
        """Each label's text in a transcript: itself, or a space for the word delimiter."""
        return [" " if label == self.word_delimiter else label for label in self.labels]

    @property
    def parameters(self) -> int:
        """The number of weights."""
        head = 0 if self.answers is None else sum(p.numel() for p in self.answers.parameters())
        return self.model.parameters + head


class EagerReference(nn.Module):
    """Eager torchaudio with the waveform normalisation left to its caller."""

    def __init__(self, model: Wav2Vec2Model, normalize_eps: float | None):
        super().__init__()
        self.model = model
        self.normalize_eps = normalize_eps

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map waveform [1, samples] to (emission [1, frames, labels], None)."""
        return self.model(self._normalized(waveform))

    def extract_features(self, waveform: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Map waveform [1, samples] to (every layer's output [1, frames, D], None)."""
        return self.model.extract_features(self._normalized(waveform))

    def _normalized(self, waveform: Tensor) -> Tensor:
        if self.normalize_eps is None:
            return waveform
        return nn.functional.layer_norm(waveform, waveform.shape, eps=self.normalize_eps)
