"""Heads whose answer is no text: labels of a recording, labels of each frame, an embedding.

The arithmetic of transformers' classes ``…ForSequenceClassification``, ``…ForXVector`` and
``…ForAudioFrameClassification`` on a recording alone. Sums and means run over a row's valid frames
only; transformers, in a batch, lets the padding in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport.package.manifest import CLASSIFICATION, EMBEDDING, FRAMES, SIGMOID
from voxport_export.graph.backbone import Backbone, HiddenStates
from voxport_export.graph.tracing import arange_like


class LabelOutputs(NamedTuple):
    """Labels of a recording; each format turns the index into the label itself."""

    logits: Tensor  # float32 (B, L); 0 in rows without a frame
    scores: Tensor  # float32 (B, L), 0 to 1; 0 in rows without a frame
    best: Tensor  # int64 (B,), index of the highest score; L in rows without a frame


class FrameOutputs(NamedTuple):
    """Labels of each frame."""

    logits: Tensor  # float32 (B, T, L), zero past the row's length
    scores: Tensor  # float32 (B, T, L), zero past the row's length
    emission_lengths: Tensor  # int64 (B,), frames


class EmbeddingOutputs(NamedTuple):
    """An embedding of a recording."""

    embedding: Tensor  # float32 (B, D); 0 in rows that are too short for one


class LayerMix(nn.Module):
    """The hidden states that a head reads: the encoder's output, or a weighted sum of all layers.

    Args:
        weights: of the first layer's input and of every layer's output, with a sum of 1; None: the
            encoder's output.
        ends_in_output: the last of the sum is the encoder's output, behind its last normalisation;
            otherwise the last layer's.
    """

    def __init__(self, weights: Sequence[float] | None, *, ends_in_output: bool):
        super().__init__()
        self.weights = None if weights is None else list(weights)
        self.ends_in_output = ends_in_output

    def forward(self, hidden: HiddenStates) -> Tensor:
        """Map a backbone's hidden states to (B, T, D)."""
        if self.weights is None:
            return hidden.output
        last = hidden.output if self.ends_in_output else hidden.layers[-1]
        states = [hidden.embedded, *hidden.layers[:-1], last]
        mixed = states[0] * self.weights[0]
        for state, weight in zip(states[1:], self.weights[1:], strict=True):
            mixed = mixed + state * weight
        return mixed


class ClassificationHead(nn.Module):
    """Labels of a whole recording, from the mean of its frames.

    The mean comes before the projection: both are linear, and one frame is projected in place of
    all.

    Args:
        mix: chooses the hidden states.
        projector: maps their channels to the classifier's.
        classifier: maps to the labels.
        activation: "softmax", or "sigmoid" where labels do not exclude each other.
    """

    task = CLASSIFICATION

    def __init__(self, mix: LayerMix, projector: nn.Linear, classifier: nn.Linear, activation: str):
        super().__init__()
        self.mix = mix
        self.projector = projector
        self.classifier = classifier
        self.activation = activation
        self.least_frames = 1
        self.width = classifier.out_features

    def forward(self, hidden: HiddenStates) -> LabelOutputs:
        """Map hidden states to labels."""
        count = hidden.valid.sum(dim=1, keepdim=True)  # (B, 1)
        pooled = _mean(self.mix(hidden), hidden.valid, count)
        logits = self.classifier(self.projector(pooled))
        scores = _scores(logits, self.activation)
        has_frames = count > 0
        nothing = logits.new_zeros(())
        index = logits.max(dim=-1)[1]
        return LabelOutputs(
            logits.where(has_frames, nothing),
            scores.where(has_frames, nothing),
            index.where(has_frames.squeeze(1), torch.full_like(index, self.width)),
        )


class FrameClassificationHead(nn.Module):
    """Labels of each frame.

    Args:
        mix: chooses the hidden states.
        classifier: maps their channels to the labels.
        activation: as in ``ClassificationHead``.
    """

    task = FRAMES

    def __init__(self, mix: LayerMix, classifier: nn.Linear, activation: str = SIGMOID):
        super().__init__()
        self.mix = mix
        self.classifier = classifier
        self.activation = activation
        self.least_frames = 1
        self.width = classifier.out_features

    def forward(self, hidden: HiddenStates) -> FrameOutputs:
        """Map hidden states to labels."""
        logits = self.classifier(self.mix(hidden))
        valid, nothing = hidden.valid.unsqueeze(-1), logits.new_zeros(())
        scores = _scores(logits, self.activation).where(valid, nothing)
        return FrameOutputs(
            logits.where(valid, nothing).index_select(1, hidden.frames),
            scores.index_select(1, hidden.frames),
            hidden.valid.sum(dim=1),
        )


class TimeDelay(nn.Module):
    """A dilated convolution over time with ReLU: a layer of a time-delay neural network.

    Args:
        kernel: its weights (out, kernel * in), as transformers keeps them.
        size: frames under an output frame, the gaps between them not counted.
        dilation: frames from one of them to the next.
    """

    def __init__(self, kernel: nn.Linear, size: int, dilation: int):
        super().__init__()
        weight = kernel.weight.detach().unflatten(1, (size, -1)).transpose(1, 2)
        self.weight = nn.Parameter(weight.contiguous())  # (out, in, kernel)
        self.bias = kernel.bias
        self.dilation = dilation
        self.lost_frames = dilation * (size - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, in, T) to (B, out, T); the last ``lost_frames`` have no meaning.

        Appended zeros keep T the same: the exporter takes minutes over sizes that shrink.
        """
        x = F.pad(x, (0, self.lost_frames))
        return F.relu(F.conv1d(x, self.weight, self.bias, dilation=self.dilation))


class EmbeddingHead(nn.Module):
    """An x-vector: mean and deviation over time of a time-delay network, projected.

    Args:
        mix: chooses the hidden states.
        projector: maps their channels to the network's.
        tdnn: the layers of the network.
        output: maps mean and deviation to the embedding.
    """

    task = EMBEDDING

    def __init__(
        self, mix: LayerMix, projector: nn.Linear, tdnn: Sequence[TimeDelay], output: nn.Linear
    ):
        super().__init__()
        self.mix = mix
        self.projector = projector
        self.tdnn = nn.ModuleList(tdnn)
        self.output = output
        self.activation = "none"
        self.lost_frames = sum(layer.lost_frames for layer in tdnn)
        self.least_frames = self.lost_frames + 2  # a deviation needs two
        self.width = output.out_features

    def forward(self, hidden: HiddenStates) -> EmbeddingOutputs:
        """Map hidden states to an embedding."""
        x = self.projector(self.mix(hidden)).transpose(1, 2)  # (B, C, T)
        for layer in self.tdnn:
            x = layer(x)
        x = x.transpose(1, 2)
        count = hidden.valid.sum(dim=1, keepdim=True) - self.lost_frames  # (B, 1)
        inside = arange_like(x[..., 0]) < count
        mean = _mean(x, inside, count)
        squares = (x - mean.unsqueeze(1)).square()
        zero = x.new_zeros(())
        total = squares.where(inside.unsqueeze(-1), zero).sum(dim=1)
        deviation = (total / (count - 1).clamp(min=1)).sqrt()
        embedding = self.output(torch.cat([mean, deviation], dim=-1))
        return EmbeddingOutputs(embedding.where(count > 1, zero))


Head = ClassificationHead | FrameClassificationHead | EmbeddingHead
HeadOutputs = LabelOutputs | FrameOutputs | EmbeddingOutputs


class HeadGraph(nn.Module):
    """A backbone with such a head, batch-exact."""

    def __init__(self, backbone: Backbone, head: Head):
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.eval().requires_grad_(requires_grad=False)

    @property
    def least_samples(self) -> int:
        """Samples of the shortest recording with an answer."""
        frames = self.head.least_frames
        return (frames - 1) * self.backbone.frame_stride + self.backbone.receptive_field

    def forward(self, waveform: Tensor, lengths: Tensor) -> HeadOutputs:
        """Map waveform float32 (B, S) and lengths int64 (B,) to the head's outputs."""
        return self.head(self.backbone(waveform, lengths))


def _mean(x: Tensor, inside: Tensor, count: Tensor) -> Tensor:
    """Return the mean (B, C) of x (B, T, C) over the ``count`` (B, 1) frames ``inside`` (B, T)."""
    return x.where(inside.unsqueeze(-1), x.new_zeros(())).sum(dim=1) / count.clamp(min=1)


def _scores(logits: Tensor, activation: str) -> Tensor:
    return logits.sigmoid() if activation == SIGMOID else logits.softmax(dim=-1)
