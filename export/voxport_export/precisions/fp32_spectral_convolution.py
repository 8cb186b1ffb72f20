"""A long grouped convolution over time as products of spectra.

128 taps of 48 channels are 4.7 GFLOP for ten seconds of a base model, and its input laid out for a
matrix product is 200 MB. By the convolution theorem a seventh is enough: overlapping segments of
the input go through a Fourier transform (a product with a small matrix), each frequency through a
product of its own over the channels of a group, and back. For 499 frames: 23 → 9 ms in onnxruntime,
16 → 8 in OpenVINO. The weights take twice as much room, or more if the number of taps is not a
multiple of 64.

The transform is the odd one, at the frequencies (k + 1/2) / N: for real input it has N / 2 complex
values and no purely real one. Wrapped samples come back with the opposite sign, outside of the kept
part of a segment either way.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph import block_operators

_HOP = 64  # output frames of a segment, half of its length


class SpectralConv(nn.Module):
    """``nn.Conv1d`` with groups, stride 1 and a padding of half its kernel, by spectra.

    As many frames as the input has, also for an even kernel.
    """

    forwards: Tensor  # float32 (2 * F, N), a segment to its F frequencies: real, then imaginary
    backwards: Tensor  # float32 (hop, 4 * F), from the four products of real and imaginary parts
    weights: Tensor  # float32 (F, groups, parts * in, 2 * out), real | imaginary

    def __init__(self, conv: nn.Conv1d):
        super().__init__()
        self.groups = conv.groups
        self.parts = -(-conv.kernel_size[0] // _HOP)  # of the kernel, each of _HOP taps
        # Segments begin half a kernel before the first frame; the last ones reach past the end.
        before = conv.kernel_size[0] // 2
        self.padding = (0, 0, before, (self.parts + 1) * _HOP - 1 - before)
        frequencies = torch.arange(_HOP, dtype=torch.float64) + 0.5
        angles = math.pi / _HOP * frequencies[:, None] * torch.arange(2 * _HOP)
        cos, sin = angles.cos(), angles.sin()
        self.register_buffer("forwards", torch.cat([cos, -sin]).float())
        c, s = cos[:, :_HOP].t() / _HOP, sin[:, :_HOP].t() / _HOP
        # Of (a + ib)(u + iv), au and -bv are real, av and bu imaginary: in the order of `weights`.
        self.register_buffer("backwards", torch.cat([c, -s, -s, -c], dim=1).float())
        self.register_buffer("weights", self._kernel_spectra(conv, cos[:, :_HOP], sin[:, :_HOP]))
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias, requires_grad=False)

    def _kernel_spectra(self, conv: nn.Conv1d, cos: Tensor, sin: Tensor) -> Tensor:
        """Return conjugate spectra of the kernel: a network's convolution is a correlation."""
        taps = conv.weight.detach().double().unflatten(0, (self.groups, -1))
        taps = F.pad(taps, (0, self.parts * _HOP - taps.shape[-1]))
        taps = taps.unflatten(-1, (self.parts, _HOP))  # (groups, out, in, parts, hop)
        both = [torch.einsum("goipn,kn->kgpio", taps, wave) for wave in (cos, sin)]
        return torch.cat(both, dim=-1).flatten(2, 3).float()

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, T, D) to the same shape.

        In comments n is the number of kept segments, N the length of one, F its frequencies and K =
        parts * in.
        """
        batch, frames, _ = x.shape
        segments = F.pad(x, self.padding).unfold(1, 2 * _HOP, _HOP)  # (B, n + parts - 1, D, N)
        spectra = self.forwards @ segments.transpose(2, 3)  # (B, n + parts - 1, 2F, D)
        spectra = self._kernel_spans(spectra)  # (B, n, parts, 2F, D)
        spectra = spectra.unflatten(3, (2, _HOP)).unflatten(5, (self.groups, -1))
        rows = spectra.permute(4, 5, 3, 0, 1, 2, 6).flatten(5, 6)  # (F, groups, 2, B, n, K)
        products = rows.flatten(2, 4) @ self.weights  # (F, groups, 2 * B * n, 2 * out)
        products = products.unflatten(3, (2, -1)).unflatten(2, (2, -1))
        spectra = products.permute(3, 2, 4, 0, 1, 5).flatten(4, 5).flatten(1, 3)  # (B * n, 4F, D)
        y = block_operators.join_blocks(self.backwards @ spectra, batch, frames)
        return y if self.bias is None else y + self.bias

    def _kernel_spans(self, spectra: Tensor) -> Tensor:
        """Map (B, n + parts - 1, ...) to (B, n, parts, ...): segments under each part."""
        if self.parts == 1:
            return spectra.unsqueeze(2)
        count = spectra.shape[1] - self.parts + 1
        spans = torch.arange(count).unsqueeze(1) + torch.arange(self.parts)
        return spectra.index_select(1, spans.flatten()).unflatten(1, (-1, self.parts))


class SpectralPositions(nn.Module):
    """A positional convolution of many taps by spectra, then GELU."""

    def __init__(self, conv: nn.Conv1d):
        super().__init__()
        self.conv = SpectralConv(conv)

    @classmethod
    def supports(cls, conv: nn.Conv1d) -> bool:
        """Return True if the kernel is long enough for spectra to save time."""
        return conv.kernel_size[0] >= _HOP

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:  # noqa: ARG002
        """Map x (B, T, D), zero past each row's end, to the same shape."""
        return F.gelu(self.conv(x))
