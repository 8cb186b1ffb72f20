"""data2vec's positions: a stack of grouped convolutions over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F


class PositionalStack(nn.Module):
    """Convolutions over time, each followed by a LayerNorm without weights and GELU.

    Also takes the place of torchaudio's positional convolution in its eager model.

    Args:
        convs: of odd or even kernels, padded by half of it on either side.
        eps: of the normalisations.
    """

    def __init__(self, convs: Iterable[nn.Conv1d], eps: float = 1e-5):
        super().__init__()
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(
            nn.LayerNorm(cast("nn.Conv1d", conv).out_channels, eps, elementwise_affine=False)
            for conv in self.convs
        )

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Map x (B, T, D) to the same shape.

        Args:
            x: zero past each row's end.
            valid: bool (B, T); None: all of it. What a convolution reaches past a row's end is
                made zero again before the next one.
        """
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            if index and valid is not None:
                x = x.where(valid.unsqueeze(-1), x.new_zeros(()))
            y = conv(x.transpose(1, 2))
            if cast("nn.Conv1d", conv).kernel_size[0] % 2 == 0:
                y = y[..., :-1]
            x = F.gelu(norm(y.transpose(1, 2)))
        return x
