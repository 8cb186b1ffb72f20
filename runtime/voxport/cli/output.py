"""Where transcripts go: lines on stdout or a file each, failures and progress to stderr."""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import typer

from voxport.errors import OutputError, accessing

if TYPE_CHECKING:
    from voxport.transcript import Transcript

_CANNOT = "cannot be written"


class Output(Protocol):
    """Takes each file's transcript or the reason why there is none."""

    free_terminal: bool  # whether stderr is free for a counter, as results go elsewhere

    def write(self, file: str, transcript: "Transcript") -> None: ...  # noqa: D102

    def fail(self, file: str, reason: str) -> None: ...  # noqa: D102


class StandardOutput:
    """Each result at once on stdout."""

    def __init__(self, form: str) -> None:
        self._form = form
        self.free_terminal = not sys.stdout.isatty()

    def write(self, file: str, transcript: "Transcript") -> None:
        """Print a document."""
        from voxport.formats import FORMATS

        typer.echo(FORMATS[self._form](file, transcript), nl=False)

    def fail(self, file: str, reason: str) -> None:
        """Report a file: in its line of JSON, else on stderr."""
        if self._form != "json":
            _report(file, reason)
            return
        from voxport.formats import json_error

        typer.echo(json_error(file, reason), nl=False)


class FolderOutput:
    """A file a recording, in a folder that is made if need be."""

    def __init__(self, folder: Path, form: str, audio: Sequence[str]) -> None:
        self._form = form
        self._paths = {name: folder / f"{base}.{form}" for name, base in bases(audio).items()}
        self.free_terminal = True
        with accessing(folder, OutputError, _CANNOT):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # say now, not after an hour, that it fails

    def write(self, file: str, transcript: "Transcript") -> None:
        """Write a document under another name and rename it, so that none is ever half-written."""
        from voxport.formats import FORMATS

        path = self._paths[file]
        with accessing(path, OutputError, _CANNOT):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".voxport-{os.getpid()}.tmp")
            try:
                temporary.write_text(FORMATS[self._form](file, transcript), encoding="utf-8")
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def fail(self, file: str, reason: str) -> None:
        """Report a file on stderr; none is written for it."""
        _report(file, reason)


def bases(audio: Sequence[str]) -> dict[str, Path]:
    """What each recording's text is called, without the format's ending.

    That is the recording's name without its ending. Where two would have one name, they keep their
    endings if they lie in one folder, and as many of their folders as tell them apart if not.
    """
    files = {name: _absolute(name) for name in audio}
    owners = Counter(_stem(path) for path in set(files.values()))
    stems = {name: path if owners[_stem(path)] > 1 else _stem(path) for name, path in files.items()}
    depths = dict.fromkeys(stems, 1)
    while clashes := _clashes(stems, depths):
        for name in clashes:
            depths[name] += 1
    return {name: _last(path, depths[name]) for name, path in stems.items()}


def _absolute(name: str) -> Path:
    if name == "-":
        return Path("stdin")
    return Path(os.path.abspath(name))  # noqa: PTH100 (links keep their names)


def _stem(path: Path) -> Path:
    return path.parent / path.stem


def _clashes(paths: dict[str, Path], depths: dict[str, int]) -> list[str]:
    """Those of the names that have another's short path and could have a longer one."""
    owners: dict[Path, set[Path]] = {}
    for name, path in paths.items():
        owners.setdefault(_last(path, depths[name]), set()).add(path)
    return [
        name
        for name, path in paths.items()
        if len(owners[_last(path, depths[name])]) > 1 and depths[name] < len(_parts(path))
    ]


def _last(path: Path, count: int) -> Path:
    return Path(*_parts(path)[-count:])


def _parts(path: Path) -> tuple[str, ...]:
    return path.parts[1:] if path.anchor else path.parts


class Progress:
    """A counter of files on stderr, where that is a terminal and there are several."""

    def __init__(self, total: int, free: bool) -> None:
        self._total = total
        self._done = 0
        self._is_shown = free and total > 1 and sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.clear()

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        self._say(f"\r{self._done} of {self._total} files")

    def clear(self) -> None:
        """Leave the line to a message."""
        self._say("\r\x1b[K")

    def _say(self, text: str) -> None:
        if self._is_shown:
            typer.echo(text, nl=False, err=True)


def _report(file: str, reason: str) -> None:
    typer.echo(f"{file}: {reason}", err=True)
