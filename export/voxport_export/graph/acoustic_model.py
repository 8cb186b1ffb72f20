"""An eager model in the form that graphs are built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from torch import nn
from torchaudio.models import Wav2Vec2Model

from voxport_export.graph.backbone import Backbone
from voxport_export.graph.conv_backbone import ConvBackbone


@dataclass(frozen=True)
class AcousticModel:
    """An eager model's weights, its CTC head, and its batch-exact backbone.

    Each graph gets a backbone of its own, which it may change; the weights are shared with every
    one of them and never changed.
    """

    weights: nn.Module  # the eager model, in evaluation mode
    head: nn.Linear | None  # maps hidden states to an emission; None without a CTC head
    build_backbone: Callable[[], Backbone]

    @classmethod
    def from_torchaudio(
        cls, model: Wav2Vec2Model, normalize_eps: float | None = None
    ) -> AcousticModel:
        """Take torchaudio's model.

        Args:
            model: in evaluation mode.
            normalize_eps: normalise each waveform with this epsilon under the root of the
                variance; None leaves it as it is.
        """
        head = cast("nn.Linear | None", model.aux)
        return cls(model, head, lambda: ConvBackbone.from_torchaudio(model, normalize_eps))

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(p.numel() for p in self.weights.parameters())
