"""Calibration: the range of each quantized tensor, observed on real speech.

The float32 graph runs on recordings while every tensor to be quantized keeps a sample of its
values; then each gets the range whose 256 levels come closest to them. It is mostly less than the
full range: a few outliers are clipped, and all other values become finer.

Knows nothing of products or of ONNX.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_SAMPLED_VALUES = 1 << 13  # kept of a tensor, per recording
_TRIED_SHARES = torch.linspace(0.2, 1.0, 17)  # of the full range
MAX_LEVEL = 255  # of an unsigned byte


@dataclass(frozen=True)
class Range:
    """The real values of the bytes 0 and 255; 0.0 always lies between them."""

    low: float
    high: float

    @property
    def scale(self) -> float:
        """The distance between two levels; 1 if no value but 0 was observed."""
        return (self.high - self.low) / MAX_LEVEL or 1.0

    @property
    def zero_point(self) -> int:
        """The byte of 0.0."""
        return round(-self.low / self.scale)


@torch.no_grad()
def observe_ranges(
    graph: nn.Module, inputs: Sequence[nn.Module], outputs: Sequence[nn.Module], runs: Iterable
) -> dict[nn.Module, dict[str, Range]]:
    """Observe the ranges of tensors while the graph runs.

    Args:
        graph: holds all of the modules.
        inputs: modules whose first argument is observed.
        outputs: modules whose result is observed.
        runs: arguments of the graph, one recording each.

    Returns:
        For each module, the range of its ``"input"`` and of its ``"output"``.
    """
    kept: dict[tuple[nn.Module, str], list[Tensor]] = {}

    def keep(module: nn.Module, side: str, values: Any) -> None:
        samples = kept.setdefault((module, side), [])
        samples.append(_sample_values(values, seed=len(samples)))

    with ExitStack() as hooks:
        for module in inputs:
            hook = module.register_forward_pre_hook(lambda m, given: keep(m, "input", given[0]))
            hooks.callback(hook.remove)
        for module in outputs:
            hook = module.register_forward_hook(lambda m, _, result: keep(m, "output", result))
            hooks.callback(hook.remove)
        for arguments in runs:
            graph(*arguments)
    ranges: dict[nn.Module, dict[str, Range]] = {}
    for (module, side), samples in kept.items():
        ranges.setdefault(module, {})[side] = fit_range(torch.cat(samples))
    return ranges


def fit_range(values: Tensor) -> Range:
    """Return about the range of least mean square error for ``values`` (n,) in 256 levels."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    shares = _TRIED_SHARES.tolist()
    best = min((Range(low, high * share) for share in shares), key=lambda r: _error(values, r))
    ranges = (Range(low * share, best.high) for share in shares)
    return min(ranges, key=lambda r: _error(values, r))


def _error(values: Tensor, one: Range) -> float:
    levels = torch.clamp(torch.round(values / one.scale) + one.zero_point, 0, MAX_LEVEL)
    return float(((levels - one.zero_point) * one.scale - values).square().mean())


def _sample_values(values: Tensor, seed: int) -> Tensor:
    """Sample values at random, always with the least and the greatest.

    Equal tensors give equal samples: modules with one input share its range, and it is quantized
    once for all of them.
    """
    flat = values.flatten()
    generator = torch.Generator().manual_seed(seed)
    if len(flat) > _SAMPLED_VALUES:
        chosen = torch.randint(len(flat), (_SAMPLED_VALUES,), generator=generator)
        flat = torch.cat([flat[chosen], torch.stack(list(flat.aminmax()))])
    return flat.clone()
