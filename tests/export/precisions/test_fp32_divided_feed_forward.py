"""Feed-forward layers in parts that a cache holds."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from voxport_export.graph.feed_forward import FeedForward
from voxport_export.precisions.fp32_divided_feed_forward import DividedFeedForward, part_bounds


@pytest.mark.parametrize("channels", [1, 64, 576, 832, 833, 3072, 4096, 5120])
def test_no_part_has_more_than_832_channels(channels):
    edges = part_bounds(channels)
    widths = np.diff(edges)
    assert (edges[0], edges[-1]) == (0, channels)
    assert widths.min() > 0
    assert widths.max() <= 832
    assert len(widths) == math.ceil(channels / 832)


@torch.no_grad()
def test_the_sum_of_the_parts_equals_the_whole():
    torch.manual_seed(0)
    whole = FeedForward(nn.Linear(96, 3072), nn.Linear(3072, 96))
    parts = DividedFeedForward(whole)
    x = torch.randn(2, 17, 96)
    assert len(parts.parts) == 4
    torch.testing.assert_close(parts(x), whole(x), rtol=0, atol=1e-5)
