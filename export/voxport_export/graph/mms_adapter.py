"""Attention adapters: the small language-specific layers of the MMS models on Hugging Face.

torchaudio's ``components`` lack them, so ``AdaptedLayer`` wraps torchaudio's own encoder layer in
the eager model, and the graph takes it apart again. The rest of the model stays torchaudio's.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.models.wav2vec2 import components


class Adapter(nn.Module):
    """A bottleneck with a residual: x + up(relu(down(norm(x))))."""

    def __init__(self, width: int, bottleneck: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear_1 = nn.Linear(width, bottleneck)
        self.linear_2 = nn.Linear(bottleneck, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., D) to the same shape."""
        return x + self.linear_2(F.relu(self.linear_1(self.norm(x))))


class AdaptedLayer(nn.Module):
    """torchaudio's encoder layer followed by an adapter; called like the layer alone."""

    def __init__(self, layer: components.EncoderLayer, adapter: Adapter):
        super().__init__()
        self.layer = layer
        self.adapter = adapter

    def forward(
        self,
        x: Tensor,
        attention_mask: Tensor | None = None,
        position_bias: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Map x (B, T, D) to the same shape, and return the layer's position bias."""
        x, position_bias = self.layer(x, attention_mask, position_bias, key_padding_mask)
        return self.adapter(x), position_bias
