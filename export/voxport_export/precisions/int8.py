"""int8: products of bytes, for CPUs.

Every matrix product with weights but the first and the last, and the positional convolution, run
on bytes: unsigned activations, signed weights with a scale for each output channel. Softmax,
normalisations, residuals and the products of attention stay float32.

Whatever the batch, a row's answer is its own: in the encoder the range of an activation is a
constant, found by calibration; in the convolutions, whose values span silence and speech, every
row of a product has its own. (onnxruntime's dynamic quantisation takes one range from the whole
batch: a neighbour, or a click, coarsens all of it. One constant range for each convolution left
only 87 % of the shipped model's transcripts as they were.)

Weights use 7 of their 8 bits. Processors without VNNI add two products of bytes in 16 bits, which
255 * 127 * 2 overflows and 255 * 63 * 2 does not: so the answer is the same on every processor.

Written as QuantizeLinear and DequantizeLinear around standard operators, which onnxruntime and
OpenVINO replace by integer kernels when they load the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.encoder import PositionalConv
from voxport_export.graph.frontend import StridedConv
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.precisions.calibration import Range, observe
from voxport_export.precisions.quantize_operators import dequantize, quantize
from voxport_export.precisions.strided_product import Rows

WEIGHT_LIMIT = 63  # 7 bits

# What goes into a convolution came out of a GELU, which gives nothing below -0.17. A row's range
# ends at its peak, or at this where the peak is lower, and begins that much below 0 in proportion.
_LEAST_PEAK = 0.5
_GELU_LEAST = 0.17


def to_int8(graph: RecognizerGraph, runs: Iterable[tuple[Tensor, Tensor]]) -> RecognizerGraph:
    """Replace the products of ``graph``, in place, by their int8 forms; return it.

    Args:
        graph: its weights may be shared with another model: they are not changed.
        runs: waveform [1, samples] and lengths [1] of each recording to calibrate on.
    """
    products = [m for m in graph.modules() if isinstance(m, nn.Linear) and m is not graph.head]
    convs = [m.conv for m in graph.modules() if isinstance(m, PositionalConv)]
    ranges = observe(graph, [*products, *convs], convs, runs)
    for parent in list(graph.modules()):
        for name, module in list(parent.named_children()):
            if (form := _int8_form(module, ranges.get(module, {}))) is not None:
                setattr(parent, name, form)
    return graph


def _int8_form(module: nn.Module, ranges: dict[str, Range]) -> nn.Module | None:
    """What computes the same on bytes; None where nothing does."""
    if isinstance(module, StridedConv) and module.weight.shape[1] > 1:
        return QuantizedStridedConv(module)
    if not ranges:
        return None
    if isinstance(module, nn.Linear):
        return QuantizedLinear(module, ranges["input"])
    return QuantizedConv(cast("nn.Conv1d", module), ranges["input"], ranges["output"])


class Levels(nn.Module):
    """The 256 levels of a tensor."""

    scale: Tensor  # float32 []
    zero: Tensor  # uint8 []

    def __init__(self, one: Range):
        super().__init__()
        self.register_buffer("scale", torch.tensor(one.scale, dtype=torch.float32))
        self.register_buffer("zero", torch.tensor(one.zero, dtype=torch.uint8))

    def quantize(self, x: Tensor) -> Tensor:
        """Map float32 to uint8 of the same shape."""
        return quantize(x, self.scale, self.zero)

    def dequantize(self, x: Tensor) -> Tensor:
        """Map uint8 to float32 of the same shape."""
        return dequantize(x, self.scale, self.zero, 0)


class Weights(nn.Module):
    """Weights as signed bytes with a scale for each index of an axis."""

    values: Tensor  # int8
    scales: Tensor  # float32 [values.shape[axis]]
    zeros: Tensor  # int8 [values.shape[axis]], all 0

    def __init__(self, weight: Tensor, axis: int, least: Tensor | None = None):
        """Take weights, and the least scale [weight.shape[axis]] that they may have."""
        super().__init__()
        others = [i for i in range(weight.ndim) if i != axis]
        peaks = weight.abs().amax(dim=others, keepdim=True)
        scales = (peaks / WEIGHT_LIMIT).clamp(min=torch.finfo(torch.float32).tiny)
        if least is not None:
            scales = scales.maximum(least.reshape(scales.shape))
        self.register_buffer("values", torch.round(weight / scales).to(torch.int8).contiguous())
        self.register_buffer("scales", scales.flatten())
        self.register_buffer("zeros", torch.zeros(len(self.scales), dtype=torch.int8))
        self.axis = axis

    def forward(self) -> Tensor:
        """Give the weights as the float32 that they stand for."""
        return dequantize(self.values, self.scales, self.zeros, self.axis)


class Bias(nn.Module):
    """A bias in the unit of the sums it is added to: level of the input times level of a weight."""

    values: Tensor  # int32 [out]
    scales: Tensor  # float32 [out]
    zeros: Tensor  # int32 [out], all 0

    def __init__(self, bias: Tensor, scale: float, weight_scales: Tensor):
        super().__init__()
        self.register_buffer("scales", weight_scales * scale)
        values = torch.round(bias.detach().double() / self.scales)
        self.register_buffer("values", values.to(torch.int32))
        self.register_buffer("zeros", torch.zeros_like(self.values))

    def forward(self) -> Tensor:
        """Give the bias as the float32 that it stands for."""
        return dequantize(self.values, self.scales, self.zeros, 0)


class QuantizedLinear(nn.Module):
    """A linear layer on bytes."""

    def __init__(self, layer: nn.Linear, one: Range):
        super().__init__()
        self.levels = Levels(one)
        self.weights = Weights(layer.weight.detach().t(), axis=1)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [..., in] to float32 [..., out]."""
        return self.product(self.levels.quantize(x))

    def product(self, x: Tensor) -> Tensor:
        """Map uint8 [..., in] to float32 [..., out]."""
        y = self.levels.dequantize(x) @ self.weights()
        return y if self.bias is None else y + self.bias


class QuantizedStridedConv(Rows):
    """A strided convolution on bytes, with a range for each row of its products."""

    def __init__(self, conv: StridedConv):
        super().__init__(conv)
        low = -_GELU_LEAST / _LEAST_PEAK
        self.levels = Levels(Range(low, 1.0))  # of a row over its peak
        self.weights = nn.ModuleList(Weights(weight, axis=1) for weight in self.split(conv))

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, 1, frames_for(time), in] to [batch, 1, time, out]."""
        rows = self.view(x)
        peaks = rows.amax(dim=-1, keepdim=True).clamp(min=_LEAST_PEAK)
        levels = self.levels.quantize(rows / peaks)
        y = self._product(0, levels, peaks)
        for i in range(1, self.rows):
            y = y + self._product(i, levels, peaks)
        return self.finish(y)

    def _product(self, i: int, levels: Tensor, peaks: Tensor) -> Tensor:
        """The part of each frame that its row ``i`` makes."""
        weights = cast("Weights", self.weights[i])
        under = self.under(i)
        part = self.levels.dequantize(levels[:, under, : weights.values.shape[0]])
        return part @ weights() * peaks[:, under]


class QuantizedConv(nn.Module):
    """A grouped convolution on bytes; what comes out is rounded to 256 levels too."""

    def __init__(self, conv: nn.Conv1d, given: Range, result: Range):
        super().__init__()
        self.given, self.result = Levels(given), Levels(result)
        # Where weights are next to nothing, the bias still has to fit into int32.
        least = None if conv.bias is None else conv.bias.detach().abs() / (given.scale * 2**30)
        self.weights = Weights(conv.weight.detach(), axis=0, least=least)
        self.bias = None if conv.bias is None else Bias(conv.bias, given.scale, self.weights.scales)
        self.padding, self.groups = conv.padding, conv.groups

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, in, time] to [batch, out, time]."""
        levels = self.given.dequantize(self.given.quantize(x))
        bias = None if self.bias is None else self.bias()
        y = F.conv1d(levels, self.weights(), bias, padding=self.padding, groups=self.groups)
        return self.result.dequantize(self.result.quantize(y))
