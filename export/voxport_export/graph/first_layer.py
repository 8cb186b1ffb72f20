"""The first convolution of base models, with its GroupNorm folded into its weights.

Statistics are taken over a row's valid frames only. Slices have constant bounds:
``torch.onnx.export`` cannot keep bounds computed from a shape.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.normalize import masked_mean


def sliding_windows(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Lay the ``kernel`` frames of each window side by side.

    Args:
        x: (B, T, C).
        kernel: frames of a window.
        stride: frames from one window to the next.

    Returns:
        (B, (T - kernel) // stride + 1, kernel * C), tap-major.
    """
    taps = [x[:, i : i - kernel + 1 or None : stride] for i in range(kernel)]
    return torch.cat(taps, dim=-1)


def last_of_windows(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Select the last element of each window.

    Of a mask whose valid elements are a prefix, this is the mask of the windows.

    Args:
        x: (..., T).
        kernel: elements of a window.
        stride: elements from one window to the next.

    Returns:
        (..., (T - kernel) // stride + 1).
    """
    return x[..., kernel - 1 :: stride]


class FoldedWeights(NamedTuple):
    """The first layer's weights for each row, GroupNorm included."""

    mean: Tensor  # float64 (B, 1, k), of the samples under a frame
    weight: Tensor  # float32 (B, k + 1, C); the last tap is GroupNorm's bias

    def select(self, rows: Tensor) -> FoldedWeights:
        """Return the weights of rows int64 (n,)."""
        return FoldedWeights(self.mean.index_select(0, rows), self.weight.index_select(0, rows))


class GroupNormConvBlock(nn.Module):
    """Convolution with a folded GroupNorm of one group a channel, then GELU.

    With one input channel, channel c at frame t is w_c·p_t, with p_t the k samples under the frame.
    Over the valid frames, with mean μ and covariance Σ of p_t, its mean is w_c·μ and its variance
    w_cᵀΣw_c. Hence the normalised channel is (gamma_c / √(w_cᵀΣw_c + ε)) w_c·(p_t - μ) + beta_c:
    statistics of k numbers instead of hundreds of channels, and a bias of the convolution cancels.
    μ and Σ are float64: for a high-pass channel w_cᵀΣw_c is a small difference of large numbers
    (speech is mostly low frequencies), and float32 would lose its leading digits.

    Args:
        conv: from one input channel to C, kernel k.
        group_norm: of C groups.

    Raises:
        ValueError: another number of input channels or of groups.
    """

    def __init__(self, conv: nn.Conv1d, group_norm: nn.GroupNorm):
        super().__init__()
        if conv.in_channels != 1 or group_norm.num_groups != conv.out_channels:
            raise ValueError(
                "the folded first layer needs one input channel and one group a channel, got "
                f"{conv.in_channels} channels and {group_norm.num_groups} groups"
            )
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        self.weight = nn.Parameter(conv.weight.detach().flatten(1))  # (C, k)
        self.gamma = nn.Parameter(group_norm.weight.detach())
        self.beta = nn.Parameter(group_norm.bias.detach())
        self.eps = group_norm.eps

    def fold(self, waveform: Tensor, valid: Tensor) -> FoldedWeights:
        """Compute each row's statistics and fold them into the weights.

        Args:
            waveform: float32 (B, S), without an offset.
            valid: bool (B, S).
        """
        mask = last_of_windows(valid, self.kernel, self.stride).unsqueeze(-1)
        frames = sliding_windows(waveform.unsqueeze(-1), self.kernel, self.stride).double()
        mean = masked_mean(frames.where(mask, frames.new_zeros(())), mask)
        centred = (frames - mean).where(mask, frames.new_zeros(()))  # (B, T, k)
        count = mask.sum(dim=1, keepdim=True).clamp(min=1)
        # Stacked tap by tap: onnxruntime before 1.24 fuses a transposition into a float64 product,
        # and then has no kernel for the result.
        taps = torch.stack(centred.unbind(dim=-1), dim=1)  # (B, k, T)
        covariance = taps @ centred / count  # (B, k, k)
        w = self.weight.double()
        variance = ((w @ covariance) * w).sum(dim=-1)  # (B, C)
        scale = self.gamma / torch.sqrt(variance + self.eps).float()
        weight = (self.weight * scale.unsqueeze(-1)).transpose(1, 2)
        bias = self.beta.expand(weight.shape[0], 1, -1)
        return FoldedWeights(mean, torch.cat([weight, bias], dim=1))

    def required_samples(self, frames: int) -> int:
        """Return the number of samples for ``frames`` frames."""
        return self.kernel + self.stride * (frames - 1)

    def centred_frames(self, x: Tensor, folded: FoldedWeights) -> Tensor:
        """Lay out the factor of ``folded.weight``.

        Args:
            x: (B, required_samples(T), 1).
            folded: weights of the same rows.

        Returns:
            (B, T, k + 1): the samples under each frame less their mean, and a 1.
        """
        centred = sliding_windows(x, self.kernel, self.stride).double() - folded.mean
        return F.pad(centred.float(), (0, 1), value=1.0)

    def forward(self, x: Tensor, folded: FoldedWeights) -> Tensor:
        """Map x (B, required_samples(T), 1) to (B, T, C)."""
        return F.gelu(self.centred_frames(x, folded) @ folded.weight)
