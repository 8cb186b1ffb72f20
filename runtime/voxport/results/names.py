"""Names of result files, a different one for each recording of a run."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

STANDARD_INPUT = "-"


def unique_stems(audio: Sequence[str]) -> dict[str, Path]:
    """Map each recording to the name of its result, without the format's ending.

    It is the recording's name without its ending. Two of the same name keep their endings if they
    lie in one folder, and as many of their folders as tell them apart if not.
    """
    files = {name: _absolute(name) for name in audio}
    owners = Counter(_stem(path) for path in set(files.values()))
    stems = {name: path if owners[_stem(path)] > 1 else _stem(path) for name, path in files.items()}
    depths = dict.fromkeys(stems, 1)
    while clashes := _clashes(stems, depths):
        for name in clashes:
            depths[name] += 1
    return {name: _last_parts(path, depths[name]) for name, path in stems.items()}


def _absolute(name: str) -> Path:
    if name == STANDARD_INPUT:
        return Path("stdin")
    return Path(os.path.abspath(name))  # noqa: PTH100 (links keep their names)


def _stem(path: Path) -> Path:
    return path.parent / path.stem


def _clashes(paths: dict[str, Path], depths: dict[str, int]) -> list[str]:
    """List the names that have another's short path and could have a longer one."""
    owners: dict[Path, set[Path]] = {}
    for name, path in paths.items():
        owners.setdefault(_last_parts(path, depths[name]), set()).add(path)
    return [
        name
        for name, path in paths.items()
        if len(owners[_last_parts(path, depths[name])]) > 1 and depths[name] < len(_parts(path))
    ]


def _last_parts(path: Path, count: int) -> Path:
    return Path(*_parts(path)[-count:])


def _parts(path: Path) -> tuple[str, ...]:
    return path.parts[1:] if path.anchor else path.parts
