"""Where transcripts go: lines on stdout or a file each, failures and progress to stderr."""

import os
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from voxport.errors import OutputError

if TYPE_CHECKING:
    from voxport.transcript import Transcript


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

        _print(FORMATS[self._form](file, transcript))

    def fail(self, file: str, reason: str) -> None:
        """Report a file: in its line of JSON, else on stderr."""
        if self._form != "json":
            _report(file, reason)
            return
        from voxport.formats import json_error

        _print(json_error(file, reason))


class FolderOutput:
    """A file a recording, in a folder that is made if need be."""

    def __init__(self, folder: Path, form: str, audio: Sequence[str]) -> None:
        self._form = form
        self._paths = _paths(folder, form, audio)
        self.free_terminal = True
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # say now, not after an hour, that it fails

    def write(self, file: str, transcript: "Transcript") -> None:
        """Write a document under another name and rename it, so that none is ever half-written."""
        from voxport.formats import FORMATS

        path = self._paths[file]
        with _writing(path):
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            try:
                temporary.write_text(FORMATS[self._form](file, transcript), encoding="utf-8")
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def fail(self, file: str, reason: str) -> None:
        """Report a file on stderr; none is written for it."""
        _report(file, reason)


def _paths(folder: Path, form: str, audio: Sequence[str]) -> dict[str, Path]:
    """The file for each recording; two for one file would be a lost transcript."""
    paths: dict[str, Path] = {}
    owners: dict[Path, str] = {}
    for file in audio:
        path = folder / f"{'stdin' if file == '-' else Path(file).stem}.{form}"
        other = owners.setdefault(path, file)
        if other != file:
            raise typer.BadParameter(f"{other} and {file} would both be written to {path}")
        paths[file] = path
    return paths


@contextmanager
def _writing(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None


@contextmanager
def progress(total: int, free: bool) -> Generator[Callable[[], None], None, None]:
    """A counter of files on stderr, where that is a terminal and there are several."""
    done = 0
    shown = free and total > 1 and sys.stderr.isatty()

    def step() -> None:
        nonlocal done
        done += 1
        if shown:
            typer.echo(f"\r{done} of {total} files", nl=False, err=True)

    yield step
    if shown:
        typer.echo("\r\x1b[K", nl=False, err=True)


def _print(text: str) -> None:
    typer.echo(text, nl=False)
    sys.stdout.flush()


def _report(file: str, reason: str) -> None:
    typer.echo(f"{file}: {reason}", err=True)
