"""References for ``verify``: answers of a package's source model.

A reference is a function in the entry point group ``voxport.references`` of a distribution; the
exporter offers ``eager``, the model in torchaudio. The runtime knows only this contract: it asks,
compares (``comparison``) and prints.
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
class ReferenceClip:
    """A waveform for a reference to answer."""

    name: str
    waveform: NDArray[np.float32]  # (S,) mono, at the model's rate


class Reference(Protocol):
    """A function from a manifest and clips to the answers of the manifest's source model."""

    def __call__(self, manifest: Manifest, clips: Sequence[ReferenceClip], /) -> Iterable[Answer]:
        """Return an answer for each clip, in order, of each kind in the artifacts."""
        ...


def find_reference(name: str) -> Reference:
    """Return the installed reference of this name."""
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
    except (OSError, RuntimeError) as error:  # libraries that do not fit each other
        reason = " ".join(str(error).split())
        raise MissingDependencyError(
            f"the reference {point.name!r} cannot be loaded: {reason}"
        ) from error
    return cast("Reference", found)
