"""Transcripts in a folder, a file a recording; an interrupted run is resumed.

Knows how results are named, written and recorded; nothing of how they are shown.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from voxport.errors import InferenceError, InputError, OutputError, VoxportError, accessing
from voxport.results.folder_lock import FolderLock
from voxport.results.journal import Journal, Task, create_task
from voxport.results.names import unique_stems
from voxport.results.safe_file import replace_file
from voxport.transcript.formats import FORMATS, format_transcript

if TYPE_CHECKING:
    from voxport.transcript.transcript import Transcript

_NO_WRITE = "cannot be written"

Progress = Callable[[str, float, float | None], None]  # name, seconds done, seconds promised


class TranscriberOutcome(Protocol):
    """The needed part of an ``Outcome``: a transcript or an error."""

    @property
    def transcript(self) -> "Transcript | None": ...  # noqa: D102

    @property
    def error(self) -> VoxportError | None: ...  # noqa: D102


class Transcriber(Protocol):
    """The needed part of a ``Recognizer``."""

    @property
    def result_settings(self) -> str: ...  # noqa: D102

    def transcribe_each(  # noqa: D102
        self,
        audio: Iterable[Any],
        /,
        sample_rate: int | None = None,
        progress: Progress | None = None,
    ) -> "Iterator[TranscriberOutcome]": ...


@dataclass(frozen=True)
class FileOutcome:
    """One recording of a batch: its result's file, or the error in its place."""

    name: str  # the recording
    path: Path  # its result
    status: Literal["written", "kept", "failed"]  # kept: finished by an earlier run
    error: VoxportError | None = None  # of a failed one
    transcript: "Transcript | None" = None  # of a written one


@dataclass(frozen=True)
class FolderPlan:
    """The recordings of a batch: to do, done already, or refused."""

    todo: list[str]
    done: list[str]  # by earlier runs
    refused: dict[str, OutputError]  # another file in the result's place is not to be lost


class FolderOutput:
    """A folder of results, locked until its ``with`` block ends; it is made if need be.

    Each result is written under another name and renamed, so none is ever half-written, and
    recorded in the folder's journal, so none is made twice and no other file is replaced.
    """

    def __init__(self, folder: Path, form: str, audio: Sequence[str]) -> None:
        self._form = form
        self._folder = folder
        stems = unique_stems(audio)
        self._paths = {name: folder / f"{stem}.{form}" for name, stem in stems.items()}
        self._tasks: dict[str, Task | None] = {}
        self._opened = ExitStack()
        with accessing(folder, OutputError, _NO_WRITE):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # say now, not after an hour, that it fails

    def __enter__(self) -> "FolderOutput":
        self._opened.enter_context(FolderLock(self._folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def path(self, name: str) -> Path:
        """Return the file of a recording's result."""
        return self._paths[name]

    def plan(self, settings: str, overwrite: bool) -> FolderPlan:
        """Sort the recordings; results depend on them and on ``settings`` alone."""
        journal = self._journal = Journal(self._folder)
        self._tasks = {name: create_task(name, settings) for name in self._paths}
        plan = FolderPlan([], [], {})
        for name, path in self._paths.items():
            task = self._tasks[name]
            if overwrite:
                plan.todo.append(name)
            elif journal.is_done(path, task):
                plan.done.append(name)
            elif reason := journal.reason_not_to_overwrite(path, task):
                advice = "give another folder, or --overwrite (overwrite=True)"
                plan.refused[name] = OutputError(f"{reason}: {advice}", path)
            else:
                plan.todo.append(name)
        return plan

    def write(self, name: str, transcript: "Transcript") -> None:
        """Write and record one result."""
        path, task = self._paths[name], self._tasks.get(name)
        with accessing(path, OutputError, _NO_WRITE):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(
                path,
                format_transcript(transcript, self._form, name).encode(),
                lambda status: task and self._journal.record(path, task, status.st_mtime_ns),
            )


def transcribe_folder(
    recognizer: Transcriber,
    audio: "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]",
    output_folder: "str | os.PathLike[str]",
    *,
    format: str = "txt",  # noqa: A002 (the option's name)
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[FileOutcome]:
    """Transcribe recordings into a folder, a file each; results of earlier runs are kept.

    Results have their recordings' names (``talk.flac`` becomes ``talk.txt``), with as many folders
    in front as tell equal names apart. Each is whole or absent. After an interruption, the same
    call goes on. A file not written by voxport, or changed since, is left as it is.

    Args:
        recognizer: From ``voxport.load``.
        audio: A recording, a folder (searched with its subfolders), or a sequence of them.
        output_folder: Folder of the results; it is made if need be.
        format: ``"txt"``, ``"json"``, ``"srt"``, ``"vtt"`` or ``"tsv"``.
        overwrite: Do everything again, and replace files in the way.
        progress: Called with name, seconds done and seconds promised (``None``: unknown) while a
            long recording is under way.

    Returns:
        One outcome a recording, in the order given: written, kept, or failed with its error.

    Raises:
        InputError: The format is unknown, or there is no recording.
        AudioFileError: A folder of recordings cannot be read.
        OutputError: The folder cannot be written, or another run is writing into it.

    Examples:
        ```python
        import voxport

        recognizer = voxport.load("commands")
        outcomes = voxport.transcribe_folder(recognizer, "models/commands/samples", "build/texts")
        failed = [outcome for outcome in outcomes if outcome.error]
        ```
    """
    if format not in FORMATS:
        raise InputError(f"unknown format {format!r}: expected {', '.join(FORMATS)}")
    names = _list_recordings([audio] if isinstance(audio, (str, os.PathLike)) else audio)
    with FolderOutput(Path(output_folder), format, names) as output:
        plan = output.plan(recognizer.result_settings, overwrite)
        return list(transcribe_into(output, plan, recognizer, names, progress))


def transcribe_into(
    output: FolderOutput,
    plan: FolderPlan,
    recognizer: Transcriber,
    audio: Sequence[str],
    progress: Progress | None = None,
    open_input: Callable[[str], Any] = str,
) -> Iterator[FileOutcome]:
    """Yield the outcome of each recording in the order given, as soon as it is known.

    ``open_input`` turns a name into the recognizer's input: standard input, for one.
    """
    names = list(dict.fromkeys(audio))
    done, todo = set(plan.done), set(plan.todo)
    inputs = (open_input(name) for name in names if name in todo)
    outcomes = recognizer.transcribe_each(inputs, progress=progress)
    for name in names:
        path = output.path(name)
        if name in done:
            yield FileOutcome(name, path, "kept")
        elif name in plan.refused:
            yield FileOutcome(name, path, "failed", plan.refused[name])
        else:
            yield _write(output, name, next(outcomes))


def _write(output: FolderOutput, name: str, outcome: TranscriberOutcome) -> FileOutcome:
    """Write a transcript, if there is one."""
    path = output.path(name)
    if outcome.transcript is None:
        error = outcome.error or InferenceError("no answer")
        return FileOutcome(name, path, "failed", type(error)(error.reason, name))
    try:
        output.write(name, outcome.transcript)
    except OutputError as error:
        return FileOutcome(name, path, "failed", error)
    return FileOutcome(name, path, "written", transcript=outcome.transcript)


def _list_recordings(audio: "Sequence[str | os.PathLike[str]]") -> list[str]:
    """List the recordings of an argument; folders are searched."""
    from voxport.audio.files import audio_files

    found = [str(file) for item in audio for file in audio_files(Path(item))]
    if not found:
        raise InputError(f"there is no recording in {', '.join(map(str, audio)) or '[]'}")
    return found
