"""ONNX's QuantizeLinear and DequantizeLinear as torch operators, and their translation back.

torch has no operators that its ONNX exporter turns into these two. ``TRANSLATION`` is for
``torch.onnx.export(custom_translation_table=…)``.
"""

from __future__ import annotations

from typing import Any

import torch
from onnxscript import opset20 as onnx
from torch import Tensor


@torch.library.custom_op("voxport::quantize", mutates_args=())
def quantize(x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """Map float32 (...) to uint8 of the same shape."""
    return (torch.round(x / scale) + zero).clamp(0, 255).to(torch.uint8)


@torch.library.custom_op("voxport::dequantize", mutates_args=())
def dequantize(x: Tensor, scale: Tensor, zero: Tensor, axis: int) -> Tensor:
    """Map integers (...) to float32 of the same shape.

    Args:
        x: quantized values.
        scale: () for the whole tensor, or (n,) with one for each index of ``axis``.
        zero: the zero point, of the shape of ``scale``.
        axis: ignored for a single scale.
    """
    shape = [1] * x.ndim
    if scale.ndim:
        shape[axis] = len(scale)
    return (x.float() - zero.float().reshape(shape)) * scale.reshape(shape)


@quantize.register_fake
def _(x: Tensor, *_levels: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.uint8)


@dequantize.register_fake
def _(x: Tensor, *_levels: Tensor | int) -> Tensor:
    return torch.empty_like(x, dtype=torch.float32)


def _onnx_quantize(x: Any, scale: Any, zero: Any) -> Any:
    return onnx.QuantizeLinear(x, scale, zero)


def _onnx_dequantize(x: Any, scale: Any, zero: Any, axis: int) -> Any:
    return onnx.DequantizeLinear(x, scale, zero, axis=axis)


TRANSLATION = {
    torch.ops.voxport.quantize.default: _onnx_quantize,
    torch.ops.voxport.dequantize.default: _onnx_dequantize,
}
