"""Counting along an axis in a way that both tracers keep dynamic and free of a device.

``torch.jit.trace`` writes the device of every tensor that a graph creates into the graph as a
constant, so a TorchScript file traced on the CPU would fail on CUDA. A scripted function is
kept as it is written, device lookup included. ``torch.export`` has no such problem, and cannot
see into scripted functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from voxport_export.quiet import quiet_torchscript


def _ramp(like: Tensor) -> Tensor:
    return torch.arange(like.shape[-1], device=like.device)


@cache
def _scripted_ramp() -> Callable[[Tensor], Tensor]:
    with quiet_torchscript():
        return torch.jit.script(_ramp)


def ramp(like: Tensor) -> Tensor:
    """Return ``0, 1, … n-1`` (int64 [n]) on the device of ``like`` [..., n]."""
    return _scripted_ramp()(like) if torch._C._get_tracing_state() else _ramp(like)
