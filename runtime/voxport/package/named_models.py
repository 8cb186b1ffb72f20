"""Models exported into the cache on first use: a bundle's name in place of a package's folder.

The runtime cannot export. A function in the entry point group ``voxport.models`` of a distribution
does; the exporter offers ``torchaudio``, the bundles of ``torchaudio.pipelines``. An entry of the
cache counts only if its manifest and all files are there: an export renames it into place whole.
Files are hashed where they are opened, as those of any package.
"""

import re
import shutil
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from threading import Lock
from typing import Protocol, cast

from voxport.errors import MissingDependencyError, OutputError, PackageError, accessing
from voxport.machine.cache_folder import cache_folder
from voxport.package.read_manifest import read_manifest

GROUP = "voxport.models"
BUNDLES = "torchaudio"  # the entry point that knows names of this form:
_BUNDLE = re.compile(r"(?:WAV2VEC2|HUBERT|WAVLM|VOXPOPULI|MMS)_[A-Z0-9]+(?:_[A-Z0-9]+)*")

_exporting = Lock()  # threads of one process would write the same folder


class NamedModels(Protocol):
    """A function to export a model by its name into a folder."""

    def __call__(self, name: str, output: Path, say: Callable[[str], None], /) -> None:
        """Export, and report each long step with a line of text."""
        ...


def is_bundle_name(name: str) -> bool:
    """Tell whether a name has the form of a torchaudio bundle's."""
    return _BUNDLE.fullmatch(name) is not None


def cached_package(name: str, say: Callable[[str], None]) -> Path:
    """Return the package of a bundle in the cache; if it is not there, export it.

    Args:
        name: of a bundle, such as ``WAV2VEC2_ASR_BASE_960H``.
        say: called with a line of text before each long step.

    Raises:
        MissingDependencyError: the exporter cannot run here; the message says what to install.
        UnknownModelError: there is no such bundle.
        VoxportError: the export fails; nothing is kept.
    """
    folder = cache_folder("packages", name)
    with _exporting:
        if not _is_whole(folder):
            export = _exporter(name)
            if folder.is_dir():
                say(f"{folder} is damaged and is exported again")
                with accessing(folder, OutputError, "cannot be removed"):
                    shutil.rmtree(folder)
            else:
                say(f"{name} is exported into {folder} once; later calls find it there")
            export(name, folder, say)
    return folder


def _is_whole(folder: Path) -> bool:
    """Tell whether a package is there with all its files, in their sizes."""
    try:
        entries = read_manifest(folder).entries()
        return all((folder / entry.path).stat().st_size == entry.bytes for entry in entries)
    except (PackageError, OSError):
        return False


def _exporter(name: str) -> NamedModels:
    needs = (
        f"{name} is a bundle of torchaudio, exported when it is first used, which needs torch: "
        'pip install "voxport[export,cpu]"; or give the folder of a package exported elsewhere'
    )
    offered = {point.name: point for point in entry_points(group=GROUP)}
    if BUNDLES not in offered:
        raise MissingDependencyError(needs)
    try:
        return cast("NamedModels", offered[BUNDLES].load())
    except ImportError as error:
        raise MissingDependencyError(needs) from error
