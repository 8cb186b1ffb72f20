"""int8: products of bytes, for CPUs.

Every matrix product with weights except the first and the last, and the positional convolution, run
on bytes: unsigned activations, signed weights with a scale for each output channel. Softmax,
normalisations, residuals and the products of attention stay float32.

A row never depends on its batch: in the encoder the range of an activation is a constant, found by
calibration; in the convolutions, whose values span silence and speech, every row of a product has
its own. (onnxruntime's dynamic quantization takes one range from the whole batch: a neighbour, or a
click, coarsens all of it. One constant range for each convolution left only 87 % of the shipped
model's transcripts unchanged.)

Weights use 7 of their 8 bits. Processors without VNNI add two products of bytes in 16 bits; 255 *
127 * 2 overflows them, 255 * 63 * 2 does not: the answer is the same on every processor.

Written as QuantizeLinear and DequantizeLinear around standard operators; onnxruntime and OpenVINO
replace these by integer kernels when they load the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.encoder import PositionalConv
from voxport_export.graph.feature_extractor import StridedConv
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.precisions.calibration import Range, observe_ranges
from voxport_export.precisions.quantize_operators import dequantize, quantize
from voxport_export.precisions.strided_product import SpaceToDepthConv

WEIGHT_LIMIT = 63  # 7 bits

# The input of a convolution is the output of a GELU, at least -0.17. The range of a row ends at its
# peak, or at _MIN_PEAK if that is greater, and begins at _GELU_MIN / _MIN_PEAK of its end.
_MIN_PEAK = 0.5
_GELU_MIN = -0.17


def to_int8(graph: RecognizerGraph, runs: Iterable[tuple[Tensor, Tensor]]) -> RecognizerGraph:
    """Replace the products of ``graph``, in place, by quantized ones; return it.

    Args:
        graph: its weights may be shared with another model: they are not changed.
        runs: waveform (1, S) and lengths (1,) of each recording to calibrate on.
    """
    products = [m for m in graph.modules() if isinstance(m, nn.Linear) and m is not graph.head]
    convs = [m.conv for m in graph.modules() if isinstance(m, PositionalConv)]
    ranges = observe_ranges(graph, [*products, *convs], convs, runs)
    for parent in list(graph.modules()):
        for name, module in list(parent.named_children()):
            if (quantized := _quantize(module, ranges.get(module, {}))) is not None:
                setattr(parent, name, quantized)
    return graph


def _quantize(module: nn.Module, ranges: dict[str, Range]) -> nn.Module | None:
    """Return the quantized form of a module; None if it stays float32."""
    if isinstance(module, StridedConv) and module.weight.shape[1] > 1:
        return QuantizedStridedConv(module)
    if not ranges:
        return None
    if isinstance(module, nn.Linear):
        return QuantizedLinear(module, ranges["input"])
    return QuantizedConv(cast("nn.Conv1d", module), ranges["input"], ranges["output"])


class Levels(nn.Module):
    """The 256 levels of an activation: scale and zero point."""

    scale: Tensor  # float32 ()
    zero: Tensor  # uint8 ()

    def __init__(self, one: Range):
        super().__init__()
        self.register_buffer("scale", torch.tensor(one.scale, dtype=torch.float32))
        self.register_buffer("zero", torch.tensor(one.zero_point, dtype=torch.uint8))

    def quantize(self, x: Tensor) -> Tensor:
        """Map float32 (...) to uint8 of the same shape."""
        return quantize(x, self.scale, self.zero)

    def dequantize(self, x: Tensor) -> Tensor:
        """Map uint8 (...) to float32 of the same shape."""
        return dequantize(x, self.scale, self.zero, 0)


class QuantizedWeights(nn.Module):
    """Weights as signed bytes with a scale for each index of an axis.

    Args:
        weight: float32 (...).
        axis: of ``weight``, of size n.
        min_scales: lower bounds of the scales (n,).
    """

    values: Tensor  # int8, of the shape of the weights
    scales: Tensor  # float32 (n,)
    zeros: Tensor  # int8 (n,), all 0

    def __init__(self, weight: Tensor, axis: int, min_scales: Tensor | None = None):
        super().__init__()
        others = [i for i in range(weight.ndim) if i != axis]
        peaks = weight.abs().amax(dim=others, keepdim=True)
        scales = (peaks / WEIGHT_LIMIT).clamp(min=torch.finfo(torch.float32).tiny)
        if min_scales is not None:
            scales = scales.maximum(min_scales.reshape(scales.shape))
        self.register_buffer("values", torch.round(weight / scales).to(torch.int8).contiguous())
        self.register_buffer("scales", scales.flatten())
        self.register_buffer("zeros", torch.zeros(len(self.scales), dtype=torch.int8))
        self.axis = axis

    def forward(self) -> Tensor:
        """Return the dequantized weights, float32."""
        return dequantize(self.values, self.scales, self.zeros, self.axis)


class QuantizedBias(nn.Module):
    """A bias as int32, in the unit of the sums: scale of the input times scale of the weights."""

    values: Tensor  # int32 (out,)
    scales: Tensor  # float32 (out,)
    zeros: Tensor  # int32 (out,), all 0

    def __init__(self, bias: Tensor, scale: float, weight_scales: Tensor):
        super().__init__()
        self.register_buffer("scales", weight_scales * scale)
        values = torch.round(bias.detach().double() / self.scales)
        self.register_buffer("values", values.to(torch.int32))
        self.register_buffer("zeros", torch.zeros_like(self.values))

    def forward(self) -> Tensor:
        """Return the dequantized bias, float32 (out,)."""
        return dequantize(self.values, self.scales, self.zeros, 0)


class QuantizedLinear(nn.Module):
    """A linear layer on bytes."""

    def __init__(self, layer: nn.Linear, one: Range):
        super().__init__()
        self.levels = Levels(one)
        self.weights = QuantizedWeights(layer.weight.detach().t(), axis=1)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 (..., in) to float32 (..., out)."""
        return self.product(self.levels.quantize(x))

    def product(self, x: Tensor) -> Tensor:
        """Map uint8 (..., in) to float32 (..., out)."""
        y = self.levels.dequantize(x) @ self.weights()
        return y if self.bias is None else y + self.bias


class QuantizedStridedConv(SpaceToDepthConv):
    """A strided convolution on bytes, with a range for each row of its products."""

    def __init__(self, conv: StridedConv):
        super().__init__(conv)
        self.levels = Levels(Range(_GELU_MIN / _MIN_PEAK, 1.0))  # of a row divided by its peak
        self.weights = nn.ModuleList(
            QuantizedWeights(weight, axis=1) for weight in self.split_weights(conv)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, 1, required_frames(T), in) to (B, 1, T, out)."""
        rows = self.view_rows(x)
        peaks = rows.amax(dim=-1, keepdim=True).clamp(min=_MIN_PEAK)
        levels = self.levels.quantize(rows / peaks)
        y = self._product(0, levels, peaks)
        for i in range(1, self.rows):
            y = y + self._product(i, levels, peaks)
        return self.add_bias(y)

    def _product(self, i: int, levels: Tensor, peaks: Tensor) -> Tensor:
        """Return the share of each frame's ``i``-th row in its result: (B, T, out)."""
        weights = cast("QuantizedWeights", self.weights[i])
        rows = self.row_slice(i)
        part = self.levels.dequantize(levels[:, rows, : weights.values.shape[0]])
        return part @ weights() * peaks[:, rows]


class QuantizedConv(nn.Module):
    """A grouped convolution on bytes; its result is rounded to 256 levels too."""

    def __init__(self, conv: nn.Conv1d, given: Range, result: Range):
        super().__init__()
        self.given, self.result = Levels(given), Levels(result)
        # With weights near 0, the bias still has to fit into int32.
        least = None if conv.bias is None else conv.bias.detach().abs() / (given.scale * 2**30)
        self.weights = QuantizedWeights(conv.weight.detach(), axis=0, min_scales=least)
        self.bias = (
            None
            if conv.bias is None
            else QuantizedBias(conv.bias, given.scale, self.weights.scales)
        )
        self.padding, self.groups = conv.padding, conv.groups

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, in, T) to (B, out, T)."""
        levels = self.given.dequantize(self.given.quantize(x))
        bias = None if self.bias is None else self.bias()
        y = F.conv1d(levels, self.weights(), bias, padding=self.padding, groups=self.groups)
        return self.result.dequantize(self.result.quantize(y))
