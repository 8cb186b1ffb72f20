"""Waveform to hidden states by strided convolutions and a transformer."""

from __future__ import annotations

from typing import TypeAlias, cast

from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.models import Wav2Vec2Model
from torchaudio.models.wav2vec2 import components

from voxport_export.graph.backbone import OTHER_RATE, Backbone, HiddenStates
from voxport_export.graph.conformer import ConformerEncoder
from voxport_export.graph.conv_adapter import ConvAdapter
from voxport_export.graph.encoder import Encoder
from voxport_export.graph.feature_extractor import ConvExtractor
from voxport_export.graph.normalize import NormalizeWaveform
from voxport_export.graph.squeezed_encoder import SqueezedEncoder
from voxport_export.graph.tracing import arange_like, pad_to_length

# Encoders of features: each maps (features, valid) to hidden states
ConvEncoder: TypeAlias = Encoder | ConformerEncoder | SqueezedEncoder


class ConvBackbone(Backbone):
    """A stack of strided convolutions and a transformer, as Wav2Vec2 has them.

    Args:
        extractor: maps waveforms to features.
        encoder: maps features to hidden states.
        adapter: shortens the encoder's output; None: the model has none.
        normalize_eps: normalise each waveform with this epsilon under the root of the variance;
            None leaves it as it is.
    """

    def __init__(
        self,
        extractor: ConvExtractor,
        encoder: ConvEncoder,
        normalize_eps: float | None = None,
        adapter: ConvAdapter | None = None,
    ):
        super().__init__()
        self.normalize = None if normalize_eps is None else NormalizeWaveform(normalize_eps)
        self.extractor = extractor
        self.encoder = encoder
        self.frame_stride = self.extractor.stride
        self.receptive_field = self.extractor.receptive_field
        self.layers = len(self.encoder.layers)
        self.width = self.encoder.width
        self.adapter = adapter
        self.features_refusal = encoder.features_refusal
        if adapter is not None:
            self.frame_stride *= adapter.stride
            self.features_refusal = OTHER_RATE

    @classmethod
    def from_torchaudio(
        cls,
        model: Wav2Vec2Model,
        normalize_eps: float | None = None,
        adapter: ConvAdapter | None = None,
    ) -> ConvBackbone:
        """Build it over torchaudio's model, without an adapter of its own.

        The weights are shared where their layout allows, never changed.
        """
        extractor = ConvExtractor.from_torchaudio(
            cast("nn.ModuleList", model.feature_extractor.conv_layers)
        )
        encoder = Encoder(cast("components.Encoder", model.encoder))
        return cls(extractor, encoder, normalize_eps, adapter)

    def forward(self, waveform: Tensor, lengths: Tensor) -> HiddenStates:
        """Map a batch of waveforms to hidden states.

        Samples at or past a row's length are ignored, whatever their value. A batch shorter than
        two frames is padded to two: no layer takes less than one, and OpenVINO 2026.4, once it has
        seen one alone, is wrong about longer ones. No valid frame reaches into the appended zeros,
        and ``frames`` leaves out the added frames.

        Args:
            waveform: float32 (B, S).
            lengths: int64 (B,); more than S means S.
        """
        frames = arange_like(self.extractor.last_samples(arange_like(waveform)))
        samples = arange_like(F.pad(waveform, (0, 1)))[-1:]  # S as a tensor, for a tracer
        lengths = lengths.minimum(samples)
        waveform = pad_to_length(waveform, self.receptive_field + self.frame_stride)
        valid_samples = arange_like(waveform) < lengths.unsqueeze(1)
        waveform = waveform.where(valid_samples, waveform.new_zeros(()))
        if self.normalize is not None:
            waveform = self.normalize(waveform, valid_samples)
        features = self.extractor(waveform, valid_samples)
        valid = arange_like(features[..., 0]) < self.extractor.count_frames(lengths).unsqueeze(1)
        embedded, layers, output = self.encoder(features, valid)
        if self.adapter is not None:
            output, valid = self.adapter(output, valid, valid)
            frames = self.adapter.stride_frames(frames)
        return HiddenStates(embedded, layers, output, valid, frames)
