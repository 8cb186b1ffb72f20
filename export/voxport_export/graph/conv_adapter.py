"""Convolutional adapter behind an encoder: strided convolutions that shorten the frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.first_layer import last_of_windows
from voxport_export.graph.tracing import arange_like


def count_strided(frames: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Map numbers of frames, int64 (...), to those of a padded strided convolution; 0 stays 0."""
    spare = stride + 2 * padding - kernel
    return ((frames + spare).clamp(min=0) // stride).where(frames > 0, frames)


def stride_frames(frames: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Map int64 (T,) to as many numbers as a padded strided convolution has frames: 0, 1 …"""
    return arange_like(last_of_windows(F.pad(frames, (padding, padding)), kernel, stride))


class GatedConv(nn.Module):
    """A strided convolution to twice the channels, one half the gate of the other."""

    def __init__(self, conv: nn.Conv1d):
        super().__init__()
        self.conv = conv
        self.geometry = (conv.kernel_size[0], conv.stride[0], int(conv.padding[0]))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, T, D), zero past each row's end, to (B, strided T, D)."""
        return F.glu(self.conv(x.transpose(1, 2)), dim=1).transpose(1, 2)


class ConvAdapter(nn.Module):
    """The adapter of ``add_adapter``: an optional projection, then gated convolutions.

    Args:
        projection: a linear layer and a LayerNorm, or nothing.
        convs: each with a stride.
    """

    def __init__(self, projection: nn.Module, convs: Iterable[nn.Conv1d]):
        super().__init__()
        self.projection = projection
        self.convs = nn.ModuleList(map(GatedConv, convs))

    @property
    def stride(self) -> int:
        """Frames of the encoder from one frame of the adapter to the next."""
        stride = 1
        for conv in self.convs:
            stride *= cast("GatedConv", conv).geometry[1]
        return stride

    def forward(
        self,
        x: Tensor,
        attended: Tensor,  # noqa: ARG002
        valid: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Shorten an encoder's output.

        Args:
            x: (B, T, D).
            attended: bool (B, T): frames that attention may see; not needed here.
            valid: bool (B, T).

        Returns:
            The frames (B, strided T, D), and their valid ones, bool (B, strided T).
        """
        x = self.projection(x)
        for conv in self.convs:
            x = x.where(valid.unsqueeze(-1), x.new_zeros(()))
            x = conv(x)
            count = count_strided(valid.sum(dim=1), *cast("GatedConv", conv).geometry)
            valid = arange_like(x[..., 0]) < count.unsqueeze(1)
        return x, valid

    def stride_frames(self, frames: Tensor) -> Tensor:
        """Map int64 (T,), the frames of an encoder, to the numbers of the adapter's: 0, 1 …"""
        for conv in self.convs:
            frames = stride_frames(frames, *cast("GatedConv", conv).geometry)
        return frames
