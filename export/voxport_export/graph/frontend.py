"""Waveform to features: masking, normalisation and the strided convolutions.

Everything is channels-last. Slices have constant bounds because ``torch.onnx.export`` cannot keep
bounds that are computed from a shape.

Statistics (of the waveform, of the first GroupNorm) are taken over a row's valid part only,
which is what makes the answer independent of padding and neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.time_blocks import Blocks


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


def without_offset(waveform: Tensor, valid: Tensor) -> Tensor:
    """Subtract the mean of a row's valid samples; what is not valid stays 0.

    The sum is float64: over a minute of audio with an offset, a plain float32 sum is off by more
    than the quiet parts are loud. OpenVINO has no float64 and takes float32 instead, so the caller
    does this once before all else: what is left of the offset is then small, and so is the error
    of the sums that follow.

    Args:
        waveform: float32 [batch, samples], zero where it is not valid.
        valid: bool [batch, samples].

    Returns:
        float32 [batch, samples]. The mean is rounded before it is subtracted, as it is in eager
        torchaudio.
    """
    mean = masked_mean(waveform.double(), valid).float()
    return (waveform - mean).where(valid, waveform.new_zeros(()))


class NormalizeWaveform(nn.Module):
    """Zero mean and unit variance over a row's valid samples."""

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, waveform: Tensor, valid: Tensor) -> Tensor:
        """Map waveform [batch, samples], zero past the row's end, to the same; so is valid."""
        # The second time takes off what float32 sums leave of an offset.
        centred = without_offset(without_offset(waveform, valid), valid)
        variance = masked_mean(centred.double().square(), valid)
        return centred * torch.rsqrt(variance + self.eps).float()


class StridedConv(nn.Module):
    """A strided convolution over time, as one over channels-last images one pixel high.

    Two-dimensional, because that is what fast kernels are written for: onnxruntime runs it on
    blocks of channels, and a whole stack of these with GELU between without putting them back in
    order; PyTorch takes channels-last as it is.
    """

    def __init__(self, conv: nn.Conv1d):
        super().__init__()
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        self.weight = nn.Parameter(conv.weight.detach().unsqueeze(2))  # [out, in, 1, k]
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach())

    def frames_for(self, frames: int) -> int:
        """How many frames it takes in to give so many."""
        return self.kernel + self.stride * (frames - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, 1, frames_for(time), in] to [batch, 1, time, out]."""
        y = F.conv2d(x.permute(0, 3, 1, 2), self.weight, self.bias, stride=(1, self.stride))
        return y.permute(0, 2, 3, 1)


class ConvBlock(nn.Module):
    """Convolution, optional LayerNorm over channels, GELU."""

    def __init__(self, conv: nn.Conv1d, layer_norm: nn.LayerNorm | None):
        super().__init__()
        self.conv = StridedConv(conv)
        self.norm = nn.Identity() if layer_norm is None else channels_last(layer_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, 1, time, in] to the next layer's."""
        return F.gelu(self.norm(self.conv(x)))


class Folded(NamedTuple):
    """The first layer of each row once its statistics are known."""

    mean: Tensor  # float64 [batch, 1, k], of the samples under a frame
    weight: Tensor  # float32 [batch, k + 1, out]; the last is what GroupNorm adds

    def of(self, rows: Tensor) -> Folded:
        """Pick rows int64 [n]."""
        return Folded(self.mean.index_select(0, rows), self.weight.index_select(0, rows))


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

    def fold(self, waveform: Tensor, valid: Tensor) -> Folded:
        """Take the statistics of waveform [batch, samples] where valid [batch, samples]."""
        mask = last_under(valid, self.kernel, self.stride).unsqueeze(-1)
        frames = windows(waveform.unsqueeze(-1), self.kernel, self.stride).double()
        mean = masked_mean(frames.where(mask, frames.new_zeros(())), mask)
        centred = (frames - mean).where(mask, frames.new_zeros(()))  # [batch, time, k]
        count = mask.sum(dim=1, keepdim=True).clamp(min=1)
        # Tap by tap: onnxruntime before 1.24 fuses a transposition into a float64 product, and
        # then finds that it cannot run what it made.
        taps = torch.stack(centred.unbind(dim=-1), dim=1)  # [batch, k, time]
        covariance = taps @ centred / count  # [batch, k, k]
        w = self.weight.double()
        variance = ((w @ covariance) * w).sum(dim=-1)  # [batch, out]
        scale = self.gamma / torch.sqrt(variance + self.eps).float()
        weight = (self.weight * scale.unsqueeze(-1)).transpose(1, 2)
        return Folded(mean, torch.cat([weight, self.beta.expand(weight.shape[0], 1, -1)], dim=1))

    def frames_for(self, frames: int) -> int:
        """How many samples it takes in to give so many frames."""
        return self.kernel + self.stride * (frames - 1)

    def under(self, x: Tensor, folded: Folded) -> Tensor:
        """Lay out what ``folded.weight`` is to be multiplied with.

        Args:
            x: [batch, frames_for(time), 1].
            folded: of the same rows.

        Returns:
            [batch, time, k + 1]: the samples under each frame, and a 1.
        """
        centred = windows(x, self.kernel, self.stride).double() - folded.mean
        return F.pad(centred.float(), (0, 1), value=1.0)

    def forward(self, x: Tensor, folded: Folded) -> Tensor:
        """Map x [batch, frames_for(time), 1] to [batch, time, out]."""
        return F.gelu(self.under(x, folded) @ folded.weight)


def channels_last(norm: nn.LayerNorm) -> nn.LayerNorm:
    """Give torchaudio's transposing LayerNorm's weights to a plain one."""
    plain = nn.LayerNorm(norm.normalized_shape[0], eps=norm.eps)
    plain.weight, plain.bias = norm.weight, norm.bias
    return plain


class FeatureExtractor(nn.Module):
    """The stack of convolutions, from torchaudio's ``FeatureExtractor``.

    All of it is local once the first layer is folded, so that ONNX runs it in blocks of time.
    """

    def __init__(self, first: GroupNormConvBlock | None, blocks: Sequence[ConvBlock]):
        super().__init__()
        self.first = first  # with its statistics; without it, the first of the blocks has none
        self.blocks = nn.ModuleList(blocks)
        convs = [block.conv for block in blocks]
        self.layers = [(one.kernel, one.stride) for one in (*([first] if first else ()), *convs)]
        self.stride, self.receptive_field = geometry(self.layers)
        self.at_once = False  # as a GPU likes it

    @classmethod
    def of(cls, conv_layers: nn.ModuleList) -> FeatureExtractor:
        """Take torchaudio's layers."""
        first: GroupNormConvBlock | None = None
        blocks: list[ConvBlock] = []
        for layer in conv_layers:
            conv, norm = cast("nn.Conv1d", layer.conv), layer.layer_norm
            if isinstance(norm, nn.GroupNorm):
                first = GroupNormConvBlock(conv, norm)
            else:
                blocks.append(ConvBlock(conv, cast("nn.LayerNorm | None", norm)))
        return cls(first, blocks)

    def forward(self, waveform: Tensor, valid: Tensor) -> Tensor:
        """Map waveform and valid [batch, samples] to features [batch, frames, C].

        A waveform has at least one frame.
        """
        folded: Folded | None = None
        if self.first is not None:  # a GroupNorm hears no offset
            waveform = without_offset(waveform, valid)
            folded = self.first.fold(waveform, valid)
        cut = Blocks(self.stride, self.receptive_field, self.samples_for, self.at_once)
        return cut.run(lambda piece, rows: self.features(piece, rows, folded), waveform)

    def features(self, waveform: Tensor, rows: Tensor, folded: Folded | None) -> Tensor:
        """Map waveform [n, samples_for(frames)] of the batch's rows [n] to [n, frames, C]."""
        x = self.start(waveform, rows, folded)
        for block in self.blocks:
            x = block(x)
        return x.squeeze(1)

    def start(self, waveform: Tensor, rows: Tensor, folded: Folded | None) -> Tensor:
        """Map the same to what goes into the blocks: [n, 1, time, C], images one pixel high."""
        x = waveform.unsqueeze(-1)
        if self.first is not None and folded is not None:
            x = self.first(x, folded.of(rows))
        return x.unsqueeze(1)

    def samples_for(self, frames: int) -> int:
        """How many samples ``features`` takes in to give so many frames; some are not used."""
        for block in reversed(self.blocks):
            frames = cast("ConvBlock", block).conv.frames_for(frames)
        return self.samples_to_start(frames)

    def samples_to_start(self, frames: int) -> int:
        """How many samples ``start`` takes in to give so many frames."""
        return frames if self.first is None else self.first.frames_for(frames)

    def count(self, samples: Tensor) -> Tensor:
        """How many frames each number of samples has: int64 [...] to the same shape."""
        return (samples + (self.stride - self.receptive_field)).clamp(min=0) // self.stride

    def frames_of(self, samples: Tensor) -> Tensor:
        """Pick the last sample of each frame: [..., samples] -> [..., frames]."""
        for kernel, stride in self.layers:
            samples = last_under(samples, kernel, stride)
        return samples


def geometry(layers: list[tuple[int, int]]) -> tuple[int, int]:
    """Return (frame stride, receptive field) in samples of stacked (kernel, stride) layers."""
    stride, field = 1, 1
    for kernel, step in layers:
        field += (kernel - 1) * stride
        stride *= step
    return stride, field
