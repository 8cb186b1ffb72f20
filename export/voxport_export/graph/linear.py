"""Linear layers around existing weights."""

from __future__ import annotations

from torch import Tensor, nn


def make_linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Wrap weight (out, in) and bias (out,) in a layer, without a copy."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.detach())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach())
    return layer
