"""Waveform to hidden states by a filter bank and an encoder."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.backbone import OTHER_RATE, Backbone, HiddenStates
from voxport_export.graph.conformer import ConformerEncoder
from voxport_export.graph.tracing import arange_like, pad_to_length


class FrontEndOutput(NamedTuple):
    """Output of a front end for a batch."""

    features: Tensor  # float32 (B, T, C)
    attended: Tensor  # bool (B, T): frames that attention may see
    valid: Tensor  # bool (B, T): frames of the row's answer


class FrontEnd(Protocol):
    """Waveform to features, batch-exact."""

    frame_stride: int  # samples
    receptive_field: int  # samples; a shorter waveform has no frames

    def __call__(self, waveform: Tensor, lengths: Tensor) -> FrontEndOutput:
        """Map waveform float32 (B, S), zero past each row's end, of lengths int64 (B,)."""
        ...

    def stride_frames(self, samples: Tensor) -> Tensor:
        """Map int64 (S,) to as many numbers as S samples have frames: 0, 1 …"""
        ...


class Adapter(Protocol):
    """Shortens an encoder's output."""

    stride: int  # frames of the encoder from one of its own to the next

    def __call__(self, x: Tensor, attended: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, T, D) to fewer frames, and return their valid ones."""
        ...

    def stride_frames(self, frames: Tensor) -> Tensor:
        """Map int64 (T,) to as many numbers as T frames are shortened to: 0, 1 …"""
        ...


class FilterBankBackbone(Backbone):
    """A filter bank and an encoder, as Wav2Vec2-BERT and Parakeet have them.

    Args:
        front_end: maps waveforms to features.
        encoder: maps features to hidden states.
        adapter: shortens the encoder's output; None: the model has none.
    """

    def __init__(
        self, front_end: nn.Module, encoder: ConformerEncoder, adapter: nn.Module | None = None
    ):
        super().__init__()
        self.front_end: FrontEnd = front_end  # pyright: ignore
        self.encoder = encoder
        self.adapter: Adapter | None = adapter  # pyright: ignore
        self.frame_stride = self.front_end.frame_stride
        self.receptive_field = self.front_end.receptive_field
        self.layers = len(encoder.layers)
        self.width = encoder.width
        if self.adapter is not None:
            self.frame_stride *= self.adapter.stride
            self.features_refusal = OTHER_RATE

    def forward(self, waveform: Tensor, lengths: Tensor) -> HiddenStates:
        """Map a batch of waveforms to hidden states.

        A batch shorter than two frames is padded to two, as in ``ConvBackbone``.

        Args:
            waveform: float32 (B, S).
            lengths: int64 (B,); more than S means S.
        """
        frames = self.front_end.stride_frames(arange_like(waveform))
        samples = arange_like(F.pad(waveform, (0, 1)))[-1:]  # S as a tensor, for a tracer
        lengths = lengths.minimum(samples)
        least = self.front_end.receptive_field + self.front_end.frame_stride
        waveform = pad_to_length(waveform, least)
        valid_samples = arange_like(waveform) < lengths.unsqueeze(1)
        waveform = waveform.where(valid_samples, waveform.new_zeros(()))
        features, attended, valid = self.front_end(waveform, lengths)
        embedded, layers, output = self.encoder(features, attended)
        if self.adapter is not None:
            output, valid = self.adapter(output, attended, valid)
            frames = self.adapter.stride_frames(frames)
        return HiddenStates(embedded, layers, output, valid, frames)
