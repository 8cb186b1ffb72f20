"""Wav2Vec2-BERT's adapter: attention over frames that a strided convolution shortens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn

from voxport_export.graph.conformer import Attention
from voxport_export.graph.conv_adapter import GatedConv, count_strided, stride_frames
from voxport_export.graph.encoder import PADDING_BIAS
from voxport_export.graph.feed_forward import FeedForward
from voxport_export.graph.tracing import arange_like


class BertAdapterLayer(nn.Module):
    """A shortened residual around attention over shortened frames, then a feed-forward."""

    def __init__(
        self,
        residual: tuple[nn.LayerNorm, nn.Conv1d],
        attended: tuple[nn.LayerNorm, nn.Conv1d],
        attention: Attention,
        feed_forward: tuple[nn.LayerNorm, FeedForward],
    ):
        super().__init__()
        self.residual_norm, self.residual_conv = residual[0], GatedConv(residual[1])
        self.attention_norm, self.attention_conv = attended[0], GatedConv(attended[1])
        self.attention = attention
        self.norm, self.feed_forward = feed_forward

    def forward(self, x: Tensor, valid: Tensor, keys: Tensor) -> Tensor:
        """Shorten x (B, T, D).

        Args:
            x: of which frames that are not valid are not seen.
            valid: bool (B, T).
            keys: int64 (B,), the shortened frames that attention may see.
        """
        zero = x.new_zeros(())
        residual = self.residual_conv(self.residual_norm(x).where(valid.unsqueeze(-1), zero))
        x = self.attention_conv(self.attention_norm(x).where(valid.unsqueeze(-1), zero))
        outside = arange_like(x[..., 0]) >= keys.unsqueeze(1)
        key_bias = outside.float()[:, None, None, :] * PADDING_BIAS
        x = self.attention(x, key_bias, None) + residual
        return x + self.feed_forward(self.norm(x))


class BertAdapter(nn.Module):
    """The adapter of ``add_adapter``.

    Args:
        intermediate: half a feed-forward before it, with a residual; None: the model has none.
        projection: to another width, or nothing.
        layers: each with a stride.
    """

    def __init__(
        self,
        intermediate: FeedForward | None,
        projection: nn.Module,
        layers: Iterable[BertAdapterLayer],
    ):
        super().__init__()
        self.intermediate = intermediate
        self.projection = projection
        self.layers = nn.ModuleList(layers)

    @property
    def stride(self) -> int:
        """Frames of the encoder from one frame of the adapter to the next."""
        stride = 1
        for layer in self.layers:
            stride *= cast("BertAdapterLayer", layer).residual_conv.geometry[1]
        return stride

    def forward(self, x: Tensor, attended: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Shorten an encoder's output.

        Args:
            x: (B, T, D).
            attended: bool (B, T): frames that attention may see.
            valid: bool (B, T): frames of the row's answer.

        Returns:
            The frames (B, shortened T, D), and the valid ones, bool (B, shortened T).
        """
        if self.intermediate is not None:
            x = x + self.intermediate(x)
        x = self.projection(x)
        keys = attended.sum(dim=1)
        for layer in self.layers:
            kernel, stride, padding = cast("BertAdapterLayer", layer).residual_conv.geometry
            # transformers counts the keys with half of the kernel, and pads by half of the stride.
            keys = count_strided(keys, kernel, stride, kernel // 2)
            x = layer(x, valid, keys)
            count = count_strided(valid.sum(dim=1), kernel, stride, padding)
            valid = arange_like(x[..., 0]) < count.unsqueeze(1)
        return x, valid

    def stride_frames(self, frames: Tensor) -> Tensor:
        """Map int64 (T,), the frames of an encoder, to the numbers of the adapter's: 0, 1 …"""
        for layer in self.layers:
            frames = stride_frames(frames, *cast("BertAdapterLayer", layer).residual_conv.geometry)
        return frames
