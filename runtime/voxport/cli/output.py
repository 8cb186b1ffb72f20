"""Where transcripts go: lines on stdout or a file each, failures to stderr."""

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from voxport.cli.journal import Job, Journal, job
from voxport.errors import OutputError, accessing

if TYPE_CHECKING:
    from voxport.transcript.transcript import Transcript

_CANNOT = "cannot be written"


class Output(Protocol):
    """Takes each file's transcript or the reason why there is none."""

    def write(self, file: str, transcript: "Transcript") -> None: ...  # noqa: D102

    def fail(self, file: str, reason: str) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Plan:
    """What becomes of the recordings."""

    todo: list[str]
    done: list[str]  # before
    refused: dict[str, str]  # and why: what lies in the result's place is not to be lost


class StandardOutput:
    """Each result at once on stdout."""

    def __init__(self, form: str) -> None:
        self._form = form

    def write(self, file: str, transcript: "Transcript") -> None:
        """Print a document."""
        from voxport.transcript.formats import format_transcript

        typer.echo(format_transcript(transcript, self._form, file), nl=False)

    def fail(self, file: str, reason: str) -> None:
        """Report a file: in its line of JSON, else on stderr."""
        if self._form != "json":
            _report(file, reason)
            return
        from voxport.transcript.formats import to_json_error

        typer.echo(to_json_error(file, reason), nl=False)


class FolderOutput:
    """A file a recording, in a folder that is made if need be.

    It is written under another name and renamed, so that none is ever half-written, and written
    down in the folder's journal, so that none is made twice and no other file is replaced.
    """

    def __init__(self, folder: Path, form: str, audio: Sequence[str]) -> None:
        self._form = form
        self._paths = {name: folder / f"{base}.{form}" for name, base in bases(audio).items()}
        self._jobs: dict[str, Job | None] = {}
        with accessing(folder, OutputError, _CANNOT):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # say now, not after an hour, that it fails
        self._journal = Journal(folder)

    def plan(self, settings: str, overwrite: bool) -> Plan:
        """What is to be done; `settings` are what a result depends on beside its recording."""
        self._jobs = {name: job(name, settings) for name in self._paths}
        plan = Plan([], [], {})
        for name, path in self._paths.items():
            if overwrite:
                plan.todo.append(name)
            elif self._journal.is_done(path, self._jobs[name]):
                plan.done.append(name)
            elif objection := self._journal.objection(path, self._jobs[name]):
                plan.refused[name] = f"{path}: {objection}: give another folder, or --overwrite"
            else:
                plan.todo.append(name)
        return plan

    def write(self, file: str, transcript: "Transcript") -> None:
        """Write a document."""
        from voxport.transcript.formats import format_transcript

        path, done = self._paths[file], self._jobs.get(file)
        with accessing(path, OutputError, _CANNOT):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(_temporary_name(path.name))
            try:
                _write_through(temporary, format_transcript(transcript, self._form, file))
                if done is not None:
                    self._journal.record(path, done, temporary.stat().st_mtime_ns)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def fail(self, file: str, reason: str) -> None:
        """Report a file on stderr; none is written for it."""
        _report(file, reason)


def _temporary_name(name: str) -> str:
    """The same each time, so that what a killed run left is used and removed by the next."""
    return f".voxport-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}.tmp"


def _write_through(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


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


def _report(file: str, reason: str) -> None:
    typer.echo(f"{file}: {reason}", err=True)
