"""``voxport samples``: recordings to try with, as paths."""

from importlib.util import find_spec
from pathlib import Path

import typer

# Beside the exporter, which compares on them: in a wheel within it, in a checkout next to it.
_PLACES = ("models/commands/samples", "../../models/commands/samples")


def samples() -> None:
    """Print the paths of the recordings shipped with voxport.

    \b
    Examples:
      voxport samples
      voxport transcribe commands $(voxport samples)

    The shipped model `commands` understands them: single words and short strings of a small
    English vocabulary, one of them noise without any word.
    """
    from voxport.errors import PackageNotFoundError

    found = sample_recordings()
    if not found:
        raise PackageNotFoundError("the recordings are missing: reinstall voxport")
    for path in found:
        typer.echo(path)


def sample_recordings() -> list[Path]:
    """List the recordings, sorted; none without the exporter's files."""
    spec = find_spec("voxport_export")
    for root in (spec.submodule_search_locations or []) if spec else []:
        for place in _PLACES:
            folder = (Path(root) / place).resolve()
            if folder.is_dir():
                return sorted(path for path in folder.iterdir() if path.suffix != ".jsonl")
    return []
