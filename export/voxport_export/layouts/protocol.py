"""The protocol of a layout: the functions of its module, their arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voxport.package.manifest import Artifact, Manifest, ModelInfo
from voxport_export.errors import ExportError

# Recordings, each float32 [samples], as the inputs that a client gives the graph for them
ClientInput = Callable[[Sequence[NDArray[np.float32]]], Mapping[str, NDArray[np.generic]]]


@dataclass(frozen=True)
class LayoutSource:
    """The package of a layout."""

    folder: Path
    manifest: Manifest
    artifacts: tuple[Artifact, ...]  # those to write, all of them ONNX


@dataclass(frozen=True)
class ClientGraph:
    """A graph with the output ``logits``, and its client's inputs."""

    artifact: Artifact  # its origin
    path: Path
    client_input: ClientInput
    batches: bool  # the client gives several recordings at once


@dataclass(frozen=True)
class Agreement:
    """Agreement of a layout's graph with the artifact it was made from."""

    path: str  # of the graph
    clips: int
    difference: float  # the largest, of logits
    tolerance: float


class Layout(Protocol):
    """The functions of a layout's module; there is one module a client."""

    def write_files(self, package: LayoutSource, folder: Path) -> list[ClientGraph]:
        """Write the client's files into ``folder``; return the changed graphs.

        Raises:
            ExportError: the client cannot run this model.
        """
        ...

    def usage_section(self, package: LayoutSource) -> str:
        """Write the card's instructions, in Markdown."""
        ...

    def card_paths(self, package: LayoutSource, folder: Path) -> list[Path]:
        """List the places of the card, beside the weights."""
        ...


def client_tokens(
    model: ModelInfo, blank: str, delimiter: str, reserved: Sequence[str] = ()
) -> list[str]:
    """Spell each label for a client's list of tokens.

    Args:
        model: gives the labels.
        blank: the client's name of the blank.
        delimiter: the client's token for a space.
        reserved: tokens without text in the client.

    Raises:
        ExportError: no spelling of a label makes the client return it.
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
