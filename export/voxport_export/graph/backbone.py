"""Waveform to hidden states: what a recogniser and a feature extractor have in common."""

from __future__ import annotations

from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.models import Wav2Vec2Model
from torchaudio.models.wav2vec2 import components

from voxport_export.graph.encoder import Encoder
from voxport_export.graph.frontend import FeatureExtractor, NormalizeWaveform
from voxport_export.graph.padding import at_least
from voxport_export.graph.ramp import ramp


class Hidden(NamedTuple):
    """What the backbone makes of a batch; frames past a row's length hold no meaning."""

    layers: list[Tensor]  # of every transformer layer: float32 [batch, frames, D]
    output: Tensor  # of the encoder as a whole: float32 [batch, frames, D]
    valid: Tensor  # bool [batch, frames]
    frames: Tensor  # int64: those frames that lie within the samples given


class Backbone(nn.Module):
    """torchaudio's model up to its head, batch-exact.

    Args:
        model: the eager model; its weights are shared where their layout allows, never changed.
        normalize_eps: normalise each waveform with this epsilon under the root of the variance;
            None leaves it as it is.
    """

    def __init__(self, model: Wav2Vec2Model, normalize_eps: float | None = None):
        super().__init__()
        self.normalize = None if normalize_eps is None else NormalizeWaveform(normalize_eps)
        self.extractor = FeatureExtractor.of(
            cast("nn.ModuleList", model.feature_extractor.conv_layers)
        )
        self.encoder = Encoder(cast("components.Encoder", model.encoder))
        self.frame_stride = self.extractor.stride
        self.receptive_field = self.extractor.receptive_field
        self.layers = len(self.encoder.layers)
        self.width = self.encoder.layer_norm.normalized_shape[0]  # channels of each layer

    def forward(self, waveform: Tensor, lengths: Tensor) -> Hidden:
        """Map waveform float32 [batch, samples] of lengths int64 [batch].

        Samples at or past a row's length are ignored, whatever they hold. What is shorter than two
        frames is padded to them: no layer takes less than one, and OpenVINO 2026.4, once it has
        seen one alone, is wrong about what is longer. No valid frame reaches into what is appended,
        and ``frames`` leaves out its frames.
        """
        frames = ramp(self.extractor.frames_of(ramp(waveform)))
        samples = ramp(F.pad(waveform, (0, 1)))[-1:]  # as a tensor, for a tracer
        lengths = lengths.minimum(samples)
        waveform = at_least(waveform, self.receptive_field + self.frame_stride)
        heard = ramp(waveform) < lengths.unsqueeze(1)
        waveform = waveform.where(heard, waveform.new_zeros(()))
        if self.normalize is not None:
            waveform = self.normalize(waveform, heard)
        features = self.extractor(waveform, heard)
        valid = ramp(features[..., 0]) < self.extractor.count(lengths).unsqueeze(1)
        layers, output = self.encoder(features, valid)
        return Hidden(layers, output, valid, frames)
