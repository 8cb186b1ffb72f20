"""Waveform to features: the stack of strided convolutions.

Everything is channels-last. All of it is local in time once the first layer is folded, so ONNX runs
it in blocks of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.first_layer import FoldedWeights, GroupNormConvBlock, last_of_windows
from voxport_export.graph.normalize import subtract_mean
from voxport_export.graph.time_blocks import TimeBlocks


class StridedConv(nn.Module):
    """A strided convolution over time, as one over channels-last images one pixel high.

    Two-dimensional, because fast kernels are written for images: onnxruntime runs it on blocks of
    channels, and a whole stack of these with GELU between without restoring their order; PyTorch
    takes channels-last as it is.
    """

    def __init__(self, conv: nn.Conv1d):
        super().__init__()
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        self.weight = nn.Parameter(conv.weight.detach().unsqueeze(2))  # (out, in, 1, k)
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach())

    def required_frames(self, frames: int) -> int:
        """Return the number of input frames for ``frames`` output frames."""
        return self.kernel + self.stride * (frames - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, 1, required_frames(T), in) to (B, 1, T, out)."""
        y = F.conv2d(x.permute(0, 3, 1, 2), self.weight, self.bias, stride=(1, self.stride))
        return y.permute(0, 2, 3, 1)


class ConvBlock(nn.Module):
    """Convolution, optional LayerNorm over channels, GELU."""

    def __init__(self, conv: nn.Conv1d, layer_norm: nn.LayerNorm | None):
        super().__init__()
        self.conv = StridedConv(conv)
        self.norm = nn.Identity() if layer_norm is None else _without_transposition(layer_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, 1, required_frames(T), in) to (B, 1, T, out)."""
        return F.gelu(self.norm(self.conv(x)))


class ConvExtractor(nn.Module):
    """torchaudio's ``FeatureExtractor``, batch-exact.

    Args:
        first: the first layer of models with a GroupNorm; None if it is an ordinary block.
        blocks: the other layers.
    """

    def __init__(self, first: GroupNormConvBlock | None, blocks: Sequence[ConvBlock]):
        super().__init__()
        self.first = first
        self.blocks = nn.ModuleList(blocks)
        convs = [block.conv for block in blocks]
        self.layers = [(one.kernel, one.stride) for one in (*([first] if first else ()), *convs)]
        self.stride, self.receptive_field = stride_and_receptive_field(self.layers)
        self.is_one_block = False  # True for GPUs

    @classmethod
    def from_torchaudio(cls, conv_layers: nn.ModuleList) -> ConvExtractor:
        """Wrap the layers of torchaudio's ``FeatureExtractor``, or of transformers'."""
        first: GroupNormConvBlock | None = None
        blocks: list[ConvBlock] = []
        for layer in conv_layers:
            conv, norm = cast("nn.Conv1d", layer.conv), getattr(layer, "layer_norm", None)
            if isinstance(norm, nn.GroupNorm):
                first = GroupNormConvBlock(conv, norm)
            else:
                blocks.append(ConvBlock(conv, cast("nn.LayerNorm | None", norm)))
        return cls(first, blocks)

    def forward(self, waveform: Tensor, valid: Tensor) -> Tensor:
        """Map a batch of waveforms to features.

        Args:
            waveform: float32 (B, S) with at least one frame, zero past each row's end.
            valid: bool (B, S).

        Returns:
            (B, T, C).
        """
        folded: FoldedWeights | None = None
        if self.first is not None:  # a GroupNorm is invariant to an offset
            waveform = subtract_mean(waveform, valid)
            folded = self.first.fold(waveform, valid)
        blocks = TimeBlocks(
            self.stride, self.receptive_field, self.required_samples, self.is_one_block
        )
        return blocks.run(lambda piece, rows: self.run_layers(piece, rows, folded), waveform)

    def run_layers(self, waveform: Tensor, rows: Tensor, folded: FoldedWeights | None) -> Tensor:
        """Run every layer on blocks of the batch.

        Args:
            waveform: (n, required_samples(T)).
            rows: int64 (n,), each block's row of the batch.
            folded: weights of the first layer for each row of the batch.

        Returns:
            (n, T, C).
        """
        x = self.run_leading_layers(waveform, rows, folded)
        for block in self.blocks:
            x = block(x)
        return x.squeeze(1)

    def run_leading_layers(
        self, waveform: Tensor, rows: Tensor, folded: FoldedWeights | None
    ) -> Tensor:
        """Map the arguments of ``run_layers`` to the input of ``blocks``: images (n, 1, T, C)."""
        x = waveform.unsqueeze(-1)
        if self.first is not None and folded is not None:
            x = self.first(x, folded.select(rows))
        return x.unsqueeze(1)

    def required_samples(self, frames: int) -> int:
        """Return the number of samples for ``frames`` frames of ``run_layers``.

        Some of them may stay unused.
        """
        for block in reversed(self.blocks):
            frames = cast("ConvBlock", block).conv.required_frames(frames)
        return self.required_leading_samples(frames)

    def required_leading_samples(self, frames: int) -> int:
        """Return the number of samples for ``frames`` frames of ``run_leading_layers``."""
        return frames if self.first is None else self.first.required_samples(frames)

    def count_frames(self, samples: Tensor) -> Tensor:
        """Map numbers of samples, int64 (...), to numbers of frames of the same shape."""
        return (samples + (self.stride - self.receptive_field)).clamp(min=0) // self.stride

    def last_samples(self, x: Tensor) -> Tensor:
        """Select the last sample of each frame: (..., S) to (..., T)."""
        for kernel, stride in self.layers:
            x = last_of_windows(x, kernel, stride)
        return x


def stride_and_receptive_field(layers: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the frame stride and the receptive field, in samples, of stacked layers.

    Args:
        layers: kernel and stride of each, the first layer first.
    """
    stride, field = 1, 1
    for kernel, step in layers:
        field += (kernel - 1) * stride
        stride *= step
    return stride, field


def _without_transposition(norm: nn.LayerNorm) -> nn.LayerNorm:
    """Share the weights of torchaudio's transposing LayerNorm with a plain one."""
    plain = nn.LayerNorm(norm.normalized_shape[0], eps=norm.eps)
    plain.weight, plain.bias = norm.weight, norm.bias
    return plain
