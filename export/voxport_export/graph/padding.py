"""Padding to a least length in a way that both tracers keep dynamic; see ``ramp``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from voxport_export.quiet import quiet_torchscript


def _at_least(x: Tensor, length: int) -> Tensor:
    return F.pad(x, [0, max(0, length - x.shape[-1])])


@cache
def _scripted() -> Callable[[Tensor, int], Tensor]:
    with quiet_torchscript():
        return torch.jit.script(_at_least)


def at_least(x: Tensor, length: int) -> Tensor:
    """Append zeros to the last axis of ``x`` where it is shorter than ``length``."""
    if torch.compiler.is_exporting():
        return F.pad(x, (0, cast("int", torch.sym_max(length - x.shape[-1], 0))))
    return _scripted()(x, length) if torch._C._get_tracing_state() else _at_least(x, length)
