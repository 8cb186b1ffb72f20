"""Waveform to hidden states: the common part of every graph, whatever its head."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

OTHER_RATE = "its layers have another frame rate than its emission"


class HiddenStates(NamedTuple):
    """A backbone's output; frames past a row's length have no meaning."""

    embedded: Tensor  # input of the first transformer layer: float32 (B, T, D)
    layers: list[Tensor]  # of every transformer layer: float32 (B, T, D)
    output: Tensor  # of the encoder as a whole: float32 (B, T, D)
    valid: Tensor  # bool (B, T)
    frames: Tensor  # int64 (n,): indices of the frames without the appended ones


class Backbone(nn.Module):
    """A model up to its head, batch-exact: the base of each kind of backbone."""

    frame_stride: int  # samples from a frame of the output to the next
    receptive_field: int  # samples; a shorter waveform has no frames
    layers: int  # number of transformer layers
    width: int  # channels of each layer
    # Reason against the layers' outputs as features; None: there is none
    features_refusal: str | None = None

    def forward(self, waveform: Tensor, lengths: Tensor) -> HiddenStates:
        """Map waveform float32 (B, S) and lengths int64 (B,) to hidden states.

        Samples at or past a row's length are ignored, whatever their value; a length of more than
        S means S.
        """
        raise NotImplementedError
