"""Shape-dependent operations, dynamic in both tracers and free of a device.

``torch.jit.trace`` records the sizes it sees, and the device of every tensor created in a graph, as
constants: a TorchScript file traced on the CPU would fail on CUDA. A scripted function is kept as
it is written, device lookup included. ``torch.export`` has neither problem, and cannot see into
scripted functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from voxport_export.quiet import quiet_torchscript


def arange_like(x: Tensor) -> Tensor:
    """Return ``0, 1, … n - 1``, int64 (n,), on the device of ``x`` (..., n)."""
    return _scripted(_arange_like)(x) if torch._C._get_tracing_state() else _arange_like(x)


def pad_to_length(x: Tensor, length: int) -> Tensor:
    """Append zeros to the last axis of ``x`` (..., n) until it has at least ``length`` elements."""
    if torch.compiler.is_exporting():
        return F.pad(x, (0, cast("int", torch.sym_max(length - x.shape[-1], 0))))
    is_tracing = torch._C._get_tracing_state()
    return _scripted(_pad_to_length)(x, length) if is_tracing else _pad_to_length(x, length)


def _arange_like(x: Tensor) -> Tensor:
    return torch.arange(x.shape[-1], device=x.device)


def _pad_to_length(x: Tensor, length: int) -> Tensor:
    return F.pad(x, [0, max(0, length - x.shape[-1])])


@cache
def _scripted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    with quiet_torchscript():
        return torch.jit.script(function)
