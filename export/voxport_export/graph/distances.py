"""Scores of the distance between a query and a key, as tables of distances.

A table has an entry for every distance of a query from a key, from T - 1 down to -(T - 1). Products
of queries with it give every query a score of every distance; ``skew`` then moves each score to
the key at that distance.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.tracing import arange_like


def distances_like(valid: Tensor) -> Tensor:
    """Return T - 1, …, 1, 0, -1, … 1 - T for a mask (B, T): int64 (2T - 1,)."""
    frame = arange_like(valid)
    return torch.cat([frame.flip(0), -frame[1:]])


def skew(scores: Tensor) -> Tensor:
    """Move scores of distances to their keys.

    Args:
        scores: (B, H, T, 2T - 1), of each query and of each distance in the table's order.

    Returns:
        (B, H, T, T): of query i and key j, the score of the distance i - j.
    """
    batch, heads, frames, count = scores.shape
    # With a column in front, and read in rows of T, everything has moved by a row.
    moved = F.pad(scores, (1, 0)).reshape(batch, heads, count + 1, frames)[:, :, 1:]
    moved = moved.reshape(batch, heads, frames, count)
    return moved.index_select(-1, arange_like(scores[0, 0, :, 0]))


class SinusoidTable(nn.Module):
    """Sines and cosines of every distance, interleaved.

    Args:
        frequencies: float32 (D / 2,), as the family computes them: of a distance of thousands, a
            rounding error in a frequency is an error of the angle.
    """

    frequencies: Tensor

    def __init__(self, frequencies: Tensor):
        super().__init__()
        self.register_buffer("frequencies", frequencies.detach().float())

    def forward(self, valid: Tensor) -> Tensor:
        """Return the table (2T - 1, D) for a mask (B, T), read for its T alone."""
        angles = distances_like(valid).float().unsqueeze(1) * self.frequencies
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class ClampedDistances(nn.Module):
    """Every distance as an index of a small table, beyond its ends the last one.

    Args:
        left: largest distance of a key before its query.
        right: largest distance of a key behind it.
    """

    def __init__(self, left: int, right: int):
        super().__init__()
        self.left, self.right = left, right

    def forward(self, valid: Tensor) -> Tensor:
        """Return indices int64 (2T - 1,) for a mask (B, T): 0 for the key furthest before."""
        return (-distances_like(valid)).clamp(-self.left, self.right) + self.left


class RotaryAngles(nn.Module):
    """Cosines and sines by which the halves of each head turn at every frame.

    Args:
        frequencies: float32 (W / 2,), of heads W wide.
    """

    frequencies: Tensor

    def __init__(self, frequencies: Tensor):
        super().__init__()
        self.register_buffer("frequencies", frequencies.detach().float())

    def forward(self, valid: Tensor) -> Tensor:
        """Return cosines and sines (2, T, W) for a mask (B, T), read for its T alone."""
        angles = arange_like(valid).float().unsqueeze(1) * self.frequencies
        angles = torch.cat([angles, angles], dim=-1)
        return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, angles: Tensor, heads: int) -> Tensor:
    """Turn the halves of each head of x (B, T, D) by angles (2, T, W)."""
    x = x.unflatten(-1, (heads, -1))
    begin, end = x.chunk(2, dim=-1)
    turned = torch.cat([-end, begin], dim=-1)
    cos, sin = angles.unsqueeze(2).unbind(0)  # (T, 1, W)
    return (x * cos + turned * sin).flatten(-2)
