"""What the modules of the layouts have in common: the question each answers, and its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voxport.package.manifest import Artifact, Manifest, ModelInfo
from voxport_export.errors import ExportError

# Recordings, each float32 [samples], to what a client gives the graph for them
Feed = Callable[[Sequence[NDArray[np.float32]]], Mapping[str, NDArray[np.generic]]]


@dataclass(frozen=True)
class Package:
    """What a layout is made from."""

    folder: Path
    manifest: Manifest
    artifacts: tuple[Artifact, ...]  # those to write, all of them ONNX


@dataclass(frozen=True)
class Adapted:
    """A graph with the output ``logits``, and how its client calls it."""

    artifact: Artifact  # that it was made from
    path: Path
    feed: Feed
    batches: bool  # whether the client gives several recordings at once


@dataclass(frozen=True)
class Agreement:
    """How near a layout's graph is to the artifact that it was made from."""

    path: str  # of the graph
    clips: int
    difference: float  # the largest, of logits
    tolerance: float


class Layout(Protocol):
    """A module for each client."""

    def write(self, package: Package, folder: Path) -> list[Adapted]:
        """Write the client's files into ``folder``; return the graphs that are not as they were.

        Raises:
            ExportError: the client cannot run this model.
        """
        ...

    def usage(self, package: Package) -> str:
        """What the card says of how to use the folder, in Markdown."""
        ...

    def cards(self, package: Package, folder: Path) -> list[Path]:
        """Where the card goes, to stay with the weights."""
        ...


def spell(model: ModelInfo, blank: str, delimiter: str, reserved: Sequence[str] = ()) -> list[str]:
    """Write each label as a client's list of tokens has it.

    Args:
        model: whose labels.
        blank: what the client calls the blank.
        delimiter: what it turns into a space.
        reserved: what it would not take for text.

    Raises:
        ExportError: a label cannot be written so that the client gives it back.
    """
    if not model.transcribes:
        raise ExportError(f"{model.name}: this layout is for transcripts, and there is no CTC head")
    tokens = [delimiter if piece == " " else piece for piece in model.pieces]
    tokens[model.blank] = blank
    for label, token in zip(model.labels, tokens, strict=True):
        is_one = token.split() == [token] and tokens.count(token) == 1
        if not is_one or token in reserved:
            raise ExportError(
                f"{model.name}: the label {label!r} cannot be told apart in this layout: expected "
                "labels that differ, hold no white space and are not the client's own marks"
            )
    return tokens
