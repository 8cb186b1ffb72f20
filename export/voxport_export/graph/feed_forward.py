"""The feed-forward part of a transformer layer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class FeedForward(nn.Module):
    """A linear layer, GELU, and another linear layer."""

    def __init__(self, intermediate: nn.Linear, output: nn.Linear):
        super().__init__()
        self.intermediate, self.output = intermediate, output

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., D) to the same shape."""
        return self.output(F.gelu(self.intermediate(x)))
