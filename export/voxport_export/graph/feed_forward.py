"""The feed-forward part of a transformer layer."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F


class FeedForward(nn.Module):
    """A linear layer, an activation, and another linear layer."""

    def __init__(
        self,
        intermediate: nn.Linear,
        output: nn.Linear,
        activation: Callable[[Tensor], Tensor] = F.gelu,
    ):
        super().__init__()
        self.intermediate, self.output = intermediate, output
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., D) to the same shape."""
        return self.output(self.activation(self.intermediate(x)))
