"""What a package can be compared with: answers of the model that it was made from.

A reference is a function that some distribution offers in the entry point group
``voxport.references``; the exporter offers ``eager``, which runs the model in torchaudio. The
runtime knows only this contract: it asks, compares (``comparison``) and prints.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from voxport.errors import MissingDependencyError, VerificationError
from voxport.package.manifest import Manifest
from voxport.verification.comparison import Answer

GROUP = "voxport.references"


@dataclass(frozen=True)
class Recording:
    """A waveform to ask about."""

    name: str
    waveform: NDArray[np.float32]  # (S,) mono, at the model's rate


class Reference(Protocol):
    """Builds the manifest's model from its own source and runs it on each recording alone."""

    def __call__(self, manifest: Manifest, recordings: Sequence[Recording], /) -> Iterable[Answer]:
        """One answer a recording, in order, of each kind that the package's artifacts give."""
        ...


def reference(name: str) -> Reference:
    """The reference of that name."""
    offered = {point.name: point for point in entry_points(group=GROUP)}
    if name not in offered:
        listed = ", ".join(sorted(offered)) or "none"
        raise VerificationError(f"unknown reference {name!r}: installed here: {listed}")
    return _load(offered[name])


def _load(point: EntryPoint) -> Reference:
    try:
        found: Any = point.load()
    except ImportError as error:
        raise MissingDependencyError(
            f'the reference {point.name!r} needs {error.name}: pip install "voxport[export,cpu]"'
        ) from error
    return cast("Reference", found)
