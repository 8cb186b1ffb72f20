"""A strided convolution as matrix products on views of its input.

The fast convolutions of floats on a CPU have no counterpart for bytes, and on a GPU they search for
an algorithm anew at every length; products need neither.
"""

from __future__ import annotations

from torch import Tensor, nn

from voxport_export.graph.feature_extractor import StridedConv


class SpaceToDepthConv(nn.Module):
    """Base of strided convolutions on rows of ``stride`` neighbouring frames.

    With stride s, s neighbouring frames are one row of a view, at no cost. A kernel of k covers
    ceil(k / s) of these rows, the last perhaps in part, and each needs one product.
    """

    def __init__(self, conv: StridedConv):
        super().__init__()
        self.stride = conv.stride
        self.rows = -(-conv.kernel // conv.stride)
        self.bias = conv.bias

    def split_weights(self, conv: StridedConv) -> tuple[Tensor, ...]:
        """Return the weights (stride * in, out) of each row's product; the last may be shorter."""
        weight = conv.weight.detach()[:, :, 0].permute(2, 1, 0)  # (k, in, out)
        return tuple(taps.flatten(0, 1).contiguous() for taps in weight.split(self.stride))

    def required_frames(self, frames: int) -> int:
        """Return the number of input frames for ``frames`` output frames; some stay unused."""
        return self.stride * (frames + self.rows - 1)

    def view_rows(self, x: Tensor) -> Tensor:
        """Map x (B, 1, T, C) to (B, T / stride, stride * C)."""
        return x.reshape(x.shape[0], -1, self.stride * x.shape[3])

    def row_slice(self, i: int) -> slice:
        """Return the slice of every frame's ``i``-th row, in the order of the frames."""
        return slice(i, i + 1 - self.rows or None)

    def add_bias(self, y: Tensor) -> Tensor:
        """Map the sum of the products (B, T, out) to the convolution's result (B, 1, T, out)."""
        return (y if self.bias is None else y + self.bias).unsqueeze(1)


class ProductConv(SpaceToDepthConv):
    """A strided convolution as the sum of one product for each row under a frame."""

    def __init__(self, conv: StridedConv):
        super().__init__(conv)
        self.weights = nn.ParameterList(self.split_weights(conv))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, 1, required_frames(T), in) to (B, 1, T, out)."""
        rows = self.view_rows(x)
        y = (rows @ self.weights[0])[:, self.row_slice(0)]  # sliced after the product: less to copy
        for i in range(1, self.rows):
            weight = self.weights[i]
            y = y + rows[:, self.row_slice(i), : weight.shape[0]] @ weight
        return self.add_bias(y)
