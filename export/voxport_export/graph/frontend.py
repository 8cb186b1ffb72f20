"""Waveform to features: masking, normalisation and the strided convolutions.

Everything is channels-last. A convolution of kernel k and stride s is k strided slices, a
concatenation and one matrix product; the slices have constant bounds because
``torch.onnx.export`` cannot keep bounds that are computed from a shape.

Statistics (of the waveform, of the first GroupNorm) are taken over a row's valid part only,
which is what makes the answer independent of padding and neighbours.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def windows(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Lay the frames under a strided convolution side by side.

    Args:
        x: [batch, time, channels].

    Returns:
        [batch, (time - kernel) // stride + 1, kernel * channels], tap-major.
    """
    taps = [x[:, i : i - kernel + 1 or None : stride] for i in range(kernel)]
    return torch.cat(taps, dim=-1)


def last_under(valid: Tensor, kernel: int, stride: int) -> Tensor:
    """Say of each window whether its last frame is valid; valid frames are a prefix.

    Args:
        valid: bool [..., time].

    Returns:
        bool [..., (time - kernel) // stride + 1].
    """
    return valid[..., kernel - 1 :: stride]


def masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid part of axis 1, which is kept; 0 where nothing is valid.

    ``x`` must be zero where ``valid`` (broadcastable, same rank) is false.
    """
    return x.sum(dim=1, keepdim=True) / valid.sum(dim=1, keepdim=True).clamp(min=1)


class NormalizeWaveform(nn.Module):
    """Zero mean and unit variance over a row's valid samples.

    Sums are float64: over a minute of audio with an offset, a plain float32 sum, as some runtimes
    have it, is off by more than the quiet parts are loud. The mean is rounded before it is
    subtracted, as it is in eager torchaudio.
    """

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, waveform: Tensor, valid: Tensor) -> Tensor:
        """Map waveform [batch, samples], zero past the row's end, to the same; so is valid."""
        mean = masked_mean(waveform.double(), valid).float()
        centred = (waveform - mean).where(valid, waveform.new_zeros(()))
        variance = masked_mean(centred.double().square(), valid)
        return centred * torch.rsqrt(variance + self.eps).float()


class ConvBlock(nn.Module):
    """Convolution, optional LayerNorm over channels, GELU."""

    def __init__(self, conv: nn.Conv1d, layer_norm: nn.LayerNorm | None):
        super().__init__()
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        # [out, in, k] -> [out, k * in], the order of `windows`
        self.weight = nn.Parameter(conv.weight.detach().permute(0, 2, 1).flatten(1))
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach())
        self.norm = nn.Identity() if layer_norm is None else channels_last(layer_norm)

    def forward(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Map x [batch, time, in] and valid [batch, time] to the next layer's."""
        y = F.linear(windows(x, self.kernel, self.stride), self.weight, self.bias)
        return F.gelu(self.norm(y)), last_under(valid, self.kernel, self.stride)


class GroupNormConvBlock(nn.Module):
    """The first convolution with its GroupNorm (one group a channel) folded into its weights.

    There is one input channel, so channel c at frame t is w_c·p_t, with p_t the k samples under
    the frame. Over the valid frames, with mean μ and covariance Σ of p_t, its mean is w_c·μ and
    its variance w_cᵀΣw_c. Hence the normalised channel is (gamma_c / √(w_cᵀΣw_c + ε)) w_c·(p_t - μ)
    + beta_c: statistics of k numbers instead of hundreds of channels, and a bias of the convolution
    cancels. μ and Σ are float64: for a high-pass channel w_cᵀΣw_c is a small difference of large
    numbers (speech is mostly low frequencies), and float32 would lose its leading digits.
    """

    def __init__(self, conv: nn.Conv1d, group_norm: nn.GroupNorm):
        super().__init__()
        if conv.in_channels != 1 or group_norm.num_groups != conv.out_channels:
            raise ValueError(
                "the folded first layer needs one input channel and one group a channel, got "
                f"{conv.in_channels} channels and {group_norm.num_groups} groups"
            )
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        self.weight = nn.Parameter(conv.weight.detach().flatten(1))  # [out, k]
        self.gamma = nn.Parameter(group_norm.weight.detach())
        self.beta = nn.Parameter(group_norm.bias.detach())
        self.eps = group_norm.eps

    def forward(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Map x [batch, samples, 1] and valid [batch, samples] to the next layer's."""
        valid = last_under(valid, self.kernel, self.stride)
        mask = valid.unsqueeze(-1)
        frames = windows(x, self.kernel, self.stride).double()  # [batch, time, k]
        mean = masked_mean(frames.where(mask, frames.new_zeros(())), mask)
        centred = (frames - mean).where(mask, frames.new_zeros(()))
        count = mask.sum(dim=1, keepdim=True).clamp(min=1)
        # Tap by tap: onnxruntime before 1.24 fuses a transposition into a float64 product, and
        # then finds that it cannot run what it made.
        taps = torch.stack(centred.unbind(dim=-1), dim=1)  # [batch, k, time]
        covariance = taps @ centred / count  # [batch, k, k]
        w = self.weight.double()
        variance = ((w @ covariance) * w).sum(dim=-1)  # [batch, out]
        scale = self.gamma / torch.sqrt(variance + self.eps).float()
        folded = self.weight * scale.unsqueeze(-1)  # [batch, out, k]
        return F.gelu(centred.float() @ folded.transpose(1, 2) + self.beta), valid


def channels_last(norm: nn.LayerNorm) -> nn.LayerNorm:
    """Give torchaudio's transposing LayerNorm's weights to a plain one."""
    plain = nn.LayerNorm(norm.normalized_shape[0], eps=norm.eps)
    plain.weight, plain.bias = norm.weight, norm.bias
    return plain


class FeatureExtractor(nn.Module):
    """The stack of convolutions, from torchaudio's ``FeatureExtractor``."""

    def __init__(self, conv_layers: nn.ModuleList):
        super().__init__()
        blocks: list[ConvBlock | GroupNormConvBlock] = []
        for layer in conv_layers:
            conv, norm = cast("nn.Conv1d", layer.conv), layer.layer_norm
            if isinstance(norm, nn.GroupNorm):
                blocks.append(GroupNormConvBlock(conv, norm))
            else:
                blocks.append(ConvBlock(conv, cast("nn.LayerNorm | None", norm)))
        self.blocks = nn.ModuleList(blocks)
        self.geometry = [(b.kernel, b.stride) for b in blocks]

    def forward(self, waveform: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Map waveform and valid [batch, samples] to features [batch, frames, C] and valid."""
        x = waveform.unsqueeze(-1)
        for block in self.blocks:
            x, valid = block(x, valid)
        return x, valid

    def frames_of(self, samples: Tensor) -> Tensor:
        """Pick the last sample of each frame: [samples] -> [frames]."""
        for kernel, stride in self.geometry:
            samples = last_under(samples, kernel, stride)
        return samples
