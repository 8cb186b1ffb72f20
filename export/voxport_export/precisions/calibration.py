"""Calibration: which range each quantised tensor needs, seen on real speech.

The float32 graph runs on recordings while every place that is to be quantised keeps a sample of
its values; then each gets the range whose 256 levels come closest to them. That is mostly less
than the whole range: a few outliers are clipped so that all else is finer. Knows nothing of
products or of ONNX.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_SAMPLE = 1 << 13  # values kept of a tensor, per recording
_SHARES = torch.linspace(0.2, 1.0, 17)  # of the whole range, that are tried
LEVELS = 255  # steps of an unsigned byte


@dataclass(frozen=True)
class Range:
    """The values that the bytes 0 and 255 stand for; 0 is always among those in between."""

    low: float
    high: float

    @property
    def scale(self) -> float:
        """The distance between two levels."""
        return (self.high - self.low) / LEVELS or 1.0  # nothing but 0 was seen

    @property
    def zero(self) -> int:
        """The byte that stands for 0."""
        return round(-self.low / self.scale)


@torch.no_grad()
def observe(
    graph: nn.Module, inputs: Sequence[nn.Module], outputs: Sequence[nn.Module], runs: Iterable
) -> dict[nn.Module, dict[str, Range]]:
    """The ranges of what goes into ``inputs`` and of what comes out of ``outputs``.

    Args:
        graph: holds them all.
        inputs: modules called with the tensor to observe first.
        outputs: modules that return it.
        runs: the arguments of a call of the graph, one recording each.
    """
    kept: dict[tuple[nn.Module, str], list[Tensor]] = {}

    def keep(module: nn.Module, side: str, values: Any) -> None:
        samples = kept.setdefault((module, side), [])
        samples.append(_sample(values, seed=len(samples)))

    with ExitStack() as hooks:
        for module in inputs:
            hook = module.register_forward_pre_hook(lambda m, given: keep(m, "input", given[0]))
            hooks.callback(hook.remove)
        for module in outputs:
            hook = module.register_forward_hook(lambda m, _, result: keep(m, "output", result))
            hooks.callback(hook.remove)
        for arguments in runs:
            graph(*arguments)
    found: dict[nn.Module, dict[str, Range]] = {}
    for (module, side), samples in kept.items():
        found.setdefault(module, {})[side] = best_range(torch.cat(samples))
    return found


def best_range(values: Tensor) -> Range:
    """The range with about the least mean square error of ``values`` [n] in 256 levels."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    shares = _SHARES.tolist()
    best = min((Range(low, high * share) for share in shares), key=lambda r: _error(values, r))
    ranges = (Range(low * share, best.high) for share in shares)
    return min(ranges, key=lambda r: _error(values, r))


def _error(values: Tensor, one: Range) -> float:
    levels = torch.clamp(torch.round(values / one.scale) + one.zero, 0, LEVELS)
    return float(((levels - one.zero) * one.scale - values).square().mean())


def _sample(values: Tensor, seed: int) -> Tensor:
    """Some of the values, the least and the greatest among them; the same of the same values.

    So modules that share an input share its range, and it is quantised once for all of them.
    """
    flat = values.flatten()
    generator = torch.Generator().manual_seed(seed)
    if len(flat) > _SAMPLE:
        chosen = torch.randint(len(flat), (_SAMPLE,), generator=generator)
        flat = torch.cat([flat[chosen], torch.stack(list(flat.aminmax()))])
    return flat.clone()
