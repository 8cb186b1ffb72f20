"""Floating-point operations of the base model, counted layer by layer.

Products only (two operations each multiply-and-add), as in the peak; norms, GELU and softmax are
left out. ``tests/benchmarks`` compares the count with PyTorch's own counter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# torchaudio's parameters of WAV2VEC2_ASR_BASE_960H, as far as they change the count
BASE: dict[str, Any] = {
    "extractor_conv_layer_config": [(512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2],
    "encoder_embed_dim": 768,
    "encoder_pos_conv_kernel": 128,
    "encoder_pos_conv_groups": 16,
    "encoder_num_layers": 12,
    "encoder_ff_interm_features": 3072,
    "aux_num_out": 29,
}

# Of WAV2VEC2_ASR_LARGE_960H
LARGE: dict[str, Any] = BASE | {
    "encoder_embed_dim": 1024,
    "encoder_num_layers": 24,
    "encoder_ff_interm_features": 4096,
}


def flops(samples: int, model: Mapping[str, Any] = BASE) -> int:
    """Return the operations for one clip of this many samples."""
    layers = model["extractor_conv_layer_config"]
    convolutions, frames = _convolutions(samples, layers)
    width, inner = model["encoder_embed_dim"], model["encoder_ff_interm_features"]
    projection = frames * layers[-1][0] * width
    # torchaudio pads the positional convolution by half its kernel on either side, and cuts off
    # the extra frame of an even kernel.
    kernel, groups = model["encoder_pos_conv_kernel"], model["encoder_pos_conv_groups"]
    positions = (frames + 1 - kernel % 2) * width * (width // groups) * kernel
    attention = frames * 4 * width * width + 2 * frames * frames * width
    layer = attention + 2 * frames * width * inner
    head = frames * width * model["aux_num_out"]
    products = convolutions + projection + positions + model["encoder_num_layers"] * layer + head
    return 2 * products


def _convolutions(samples: int, layers: Iterable[tuple[int, int, int]]) -> tuple[int, int]:
    """Return the products of the feature extractor and its number of frames."""
    products, channels, time = 0, 1, samples
    for out, kernel, stride in layers:
        time = (time - kernel) // stride + 1
        products += time * out * kernel * channels
        channels = out
    return products, time
