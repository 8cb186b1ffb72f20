"""A strided convolution as matrix products on views of its input.

What convolves floats fast on a CPU has no like for bytes, and on a GPU looks for its algorithm
anew at every length; products need neither.
"""

from __future__ import annotations

from torch import Tensor, nn

from voxport_export.graph.frontend import StridedConv


class Rows(nn.Module):
    """The input of a strided convolution as rows of `stride` frames, of which a frame hears some.

    With stride s, s neighbouring frames are one row of a view that costs nothing. A kernel of k
    covers ceil(k / s) of these rows, the last perhaps in part.
    """

    def __init__(self, conv: StridedConv):
        super().__init__()
        self.stride = conv.stride
        self.rows = -(-conv.kernel // conv.stride)
        self.bias = conv.bias

    def split(self, conv: StridedConv) -> tuple[Tensor, ...]:
        """The weights [in, out] of each row's product."""
        weight = conv.weight.detach()[:, :, 0].permute(2, 1, 0)  # [k, in, out]
        return tuple(taps.flatten(0, 1).contiguous() for taps in weight.split(self.stride))

    def frames_for(self, frames: int) -> int:
        """How many frames it takes in to give so many; some are not used."""
        return self.stride * (frames + self.rows - 1)

    def view(self, x: Tensor) -> Tensor:
        """Map x [batch, 1, frames, channels] to [batch, frames / stride, stride * channels]."""
        return x.reshape(x.shape[0], -1, self.stride * x.shape[3])

    def under(self, i: int) -> slice:
        """Index those rows that are the ``i``-th of some frame, in the order of the frames."""
        return slice(i, i + 1 - self.rows or None)

    def finish(self, y: Tensor) -> Tensor:
        """Map the sum of the products [batch, time, out] to what the convolution gives."""
        return (y if self.bias is None else y + self.bias).unsqueeze(1)


class ProductConv(Rows):
    """A strided convolution as one product for each row that a frame hears, added."""

    def __init__(self, conv: StridedConv):
        super().__init__(conv)
        self.weights = nn.ParameterList(self.split(conv))

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, 1, frames_for(time), in] to [batch, 1, time, out]."""
        rows = self.view(x)
        y = (rows @ self.weights[0])[:, self.under(0)]  # cut behind the product: less to copy
        for i in range(1, self.rows):
            weight = self.weights[i]
            y = y + rows[:, self.under(i), : weight.shape[0]] @ weight
        return self.finish(y)
