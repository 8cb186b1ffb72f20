"""The PACKAGE argument: left out, in the wrong place, or a file of a package."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from voxport.cli.terminal import Messages

ENVIRONMENT = "VOXPORT_PACKAGE"


@dataclass(frozen=True)
class ModelChoice:
    """The chosen package and artifact."""

    package: str  # a folder or a shipped model's name
    artifact: str | None = None  # a kind; None: the default
    precision: str | None = None

    def kinds(self, named: Sequence[str]) -> tuple[str, ...]:
        """Return the kinds named, else that of the file given as the package."""
        return tuple(named) or ((self.artifact,) if self.artifact else ())

    def precisions(self, named: Sequence[str]) -> tuple[str, ...]:
        """Return the precisions named, else that of the file given as the package."""
        return tuple(named) or ((self.precision,) if self.precision else ())


def split_package(given: Sequence[str | None], command: str) -> tuple[str, list[str]]:
    """Split positional arguments into the package and the rest.

    If the first is no package, the environment names it; without a name there, the error explains
    a recording in its place.
    """
    first, *rest = [item for item in given if item is not None]
    if is_package(first):
        return first, rest
    if default := os.environ.get(ENVIRONMENT):
        return (default, rest) if first == default else (default, [first, *rest])
    if looks_like_audio(first):
        if package := next(filter(is_package, rest), None):
            raise typer.BadParameter(
                f"{first} is a recording and {package} a package, and the package comes first: "
                f"voxport {command} {package} {first}"
            )
        raise typer.BadParameter(
            f"{first} is a recording, and no package is named: voxport {command} PACKAGE {first}, "
            "where PACKAGE is a folder that `voxport export` wrote, a shipped model (commands), "
            "the name of a torchaudio bundle or a package on the Hugging Face Hub (owner/name); "
            f"the variable {ENVIRONMENT} names one for every call"
        )
    return first, rest


def is_package(name: str) -> bool:
    """Tell whether a name means a package: a model's, the Hub's, a folder with one, its file."""
    from voxport.package.find import shipped_models
    from voxport.package.hub_names import SPELLED, is_hub_name
    from voxport.package.manifest import FILE_NAME
    from voxport.package.named_models import is_bundle_name

    path = Path(name)
    try:
        folder = path.parent if path.is_file() and path.suffix in _ARTIFACTS else path
        if name in shipped_models() or (folder / FILE_NAME).is_file():
            return True
        if is_bundle_name(name):
            return not path.exists()
        return is_hub_name(name) and (name.startswith(SPELLED) or not looks_like_audio(name))
    except (OSError, ValueError):
        return False


_ARTIFACTS = (".onnx", ".ts", ".json")


def looks_like_audio(name: str) -> bool:
    """Tell whether a name is a recording's rather than a package's."""
    from voxport.audio.files import EXTENSIONS

    return name == "-" or Path(name).suffix.lower() in EXTENSIONS


def choose_model(
    package: str,
    artifact: str | None = None,
    precision: str | None = None,
    is_quiet: bool = False,
) -> ModelChoice:
    """Return the choice; a file of a package means the package and, if it runs, the artifact.

    A bundle's name is exported here, with notes on stderr; a name on the Hub becomes the folder in
    the Hub's cache.
    """
    from voxport.package.find import find_package
    from voxport.package.hub_names import is_hub_name
    from voxport.package.named_models import cached_package, is_bundle_name

    path = Path(package)
    if is_bundle_name(package) and not path.exists():
        folder = cached_package(package, Messages(is_quiet).note)
        return ModelChoice(str(folder), artifact, precision)
    if is_hub_name(package):
        return ModelChoice(str(find_package(package)), artifact, precision)
    if path.suffix not in _ARTIFACTS or not path.is_file() or not is_package(package):
        return ModelChoice(package, artifact, precision)
    from voxport.package.read_manifest import read_manifest

    folder = str(path.parent)
    for item in read_manifest(path.parent).artifacts:
        if item.path == path.name:
            if artifact not in (None, item.kind) or precision not in (None, item.precision):
                raise typer.BadParameter(
                    f"{package} is the {item.precision} {item.kind} artifact, and --artifact or "
                    "--precision names another: give the package's folder"
                )
            return ModelChoice(folder, item.kind, item.precision)
    return ModelChoice(folder, artifact, precision)
