"""The record of finished results in a folder, to resume an interrupted batch.

Beside the results lies a file with a line of JSON for each: its recording and the settings. A line
is written before its result is renamed into place, with the result's time of modification. So a
result last changed at the time of one of its lines is as it was made. One corrected by somebody
since then is newer than all of them, and one without a line is not ours: neither is replaced
unasked.

Knows files, no formats and no models. A journal written by somebody else can say nothing worse
than a wrong "done": invalid lines are skipped.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voxport.errors import OutputError, accessing
from voxport.results.names import STANDARD_INPUT
from voxport.results.safe_file import open_regular

NAME = ".voxport.jsonl"
_MAX_LINE_BYTES = 1 << 16  # paths have at most 4096 bytes; JSON writes a byte in at most 6


@dataclass(frozen=True)
class Task:
    """A recording in its present state, and the settings of its transcription."""

    file: str  # absolute
    bytes: int
    modified: int  # nanoseconds
    settings: str  # all that changes the result

    def is_of_same_recording(self, other: "Task") -> bool:
        """Tell whether the recording is the same, changed or moved since then or not."""
        return self.file == other.file or (
            (os.path.basename(self.file), self.bytes, self.modified)  # noqa: PTH119
            == (os.path.basename(other.file), other.bytes, other.modified)  # noqa: PTH119
        )


def create_task(name: str, settings: str) -> Task | None:
    """Return the task for a file, or ``None`` if there is no such file.

    Standard input is another recording each time.
    """
    if name == STANDARD_INPUT:
        return Task(name, 0, time.time_ns(), settings)
    try:
        status = os.stat(name)  # noqa: PTH116 (names may be bytes that are no text)
    except (OSError, ValueError):
        return None
    return Task(os.path.abspath(name), status.st_size, status.st_mtime_ns, settings)  # noqa: PTH100


@dataclass(frozen=True)
class _Result:
    """An existing result."""

    task: Task
    is_changed: bool  # by somebody, since it was written


class Journal:
    """The record in a folder of results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._entries: dict[str, list[tuple[Task, int]]] = {}  # of each result, with its time
        with accessing(self._path, OutputError):
            self._read()

    def is_done(self, result: Path, task: Task | None) -> bool:
        """Tell whether ``result`` was finished for this task, corrected since then or not."""
        found = self._find(result)
        return found is not None and found.task == task

    def reason_not_to_overwrite(self, result: Path, task: Task | None) -> str | None:
        """Return why ``result``, not done, must stay; ``None`` if it may be replaced."""
        if task is None or not os.path.isfile(result):  # noqa: PTH113 (it never raises)
            return None
        found = self._find(result)
        if found is None:
            return "is there already, and voxport has no record of writing it"
        if not found.task.is_of_same_recording(task):
            return f"holds the transcript of {found.task.file}, not of {task.file}"
        return "was changed after voxport wrote it" if found.is_changed else None

    def record(self, result: Path, task: Task, modified: int) -> None:
        """Record the coming rename of ``result``, last changed at ``modified`` (ns)."""
        line = json.dumps({"result": self._key(result), "at": modified, **asdict(task)})
        with open_regular(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, "a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            is_torn = end > 0 and file.read(1) != b"\n"  # a killed run left half a line
            file.write(b"\n" * is_torn + line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _find(self, result: Path) -> _Result | None:
        """Return the record of ``result``, if it is there and was written here."""
        entries = self._entries.get(self._key(result))
        if not entries:
            return None
        try:
            modified = result.stat().st_mtime_ns
        except OSError:
            return None
        for task, at in reversed(entries):
            if modified == at:
                return _Result(task, is_changed=False)
        task, at = entries[-1]
        return _Result(task, is_changed=True) if modified > at else None

    def _key(self, result: Path) -> str:
        return result.relative_to(self._folder).as_posix()

    def _read(self) -> None:
        try:
            file = open_regular(self._path, os.O_RDONLY, "rb")
        except FileNotFoundError:
            return
        with file:
            while line := file.readline(_MAX_LINE_BYTES):
                self._remember(line)

    def _remember(self, line: bytes) -> None:
        try:
            fields: dict[str, Any] = json.loads(line)
            result, at = fields.pop("result"), fields.pop("at")
            task = Task(**fields)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return  # half a line, or another version's
        texts, numbers = (result, task.file, task.settings), (at, task.bytes, task.modified)
        if all(type(x) is str for x in texts) and all(type(x) is int for x in numbers):
            self._entries.setdefault(result, []).append((task, at))
