"""What is done already: how an interrupted batch goes on where it was.

Beside the results lies a file with a line of JSON for each: which recording it was made from, and
with what. A line is written before its result is renamed into place, with the time at which the
result was last changed. So a result that was last changed at the time of one of its lines is as it
was made. One that somebody has corrected since then is newer than all of them, and one of which no
line tells is not ours: neither is replaced unasked.

Knows files, no formats and no models.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voxport.errors import OutputError, accessing

NAME = ".voxport.jsonl"


@dataclass(frozen=True)
class Job:
    """A recording as it is now, and what is to be done with it."""

    file: str  # absolute
    bytes: int
    modified: int  # nanoseconds
    settings: str  # whatever changes the result

    def is_of_same_recording(self, other: "Job") -> bool:
        """Whether the recording is the same, or has been changed or moved since."""
        return self.file == other.file or (
            (os.path.basename(self.file), self.bytes, self.modified)  # noqa: PTH119
            == (os.path.basename(other.file), other.bytes, other.modified)  # noqa: PTH119
        )


def job(name: str, settings: str) -> Job | None:
    """The job for a file, or None if there is no such file.

    Standard input is one too, another each time.
    """
    if name == "-":
        return Job(name, 0, time.time_ns(), settings)
    try:
        status = os.stat(name)  # noqa: PTH116 (names may be bytes that are no text)
    except (OSError, ValueError):
        return None
    return Job(os.path.abspath(name), status.st_size, status.st_mtime_ns, settings)  # noqa: PTH100


@dataclass(frozen=True)
class _Made:
    """A result that is there."""

    job: Job
    is_changed: bool  # by somebody, since it was made


class Journal:
    """The record in a folder of results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._entries: dict[str, list[tuple[Job, int]]] = {}  # results, how they were made and when
        with accessing(self._path, OutputError):
            if self._path.exists():
                for line in self._path.read_text("ascii", errors="replace").splitlines():
                    self._remember(line)

    def is_done(self, result: Path, job: Job | None) -> bool:
        """Whether `result` was finished for this very job, corrected since then or not."""
        made = self._made(result)
        return made is not None and made.job == job

    def objection(self, result: Path, job: Job | None) -> str | None:
        """Why `result`, which is not done, must not be made unasked; None if it may be."""
        if job is None or not os.path.isfile(result):  # noqa: PTH113 (it never raises)
            return None
        made = self._made(result)
        if made is None:
            return "is there already, and voxport has no record of writing it"
        if not made.job.is_of_same_recording(job):
            return f"holds the transcript of {made.job.file}, not of {job.file}"
        return "was changed after voxport wrote it" if made.is_changed else None

    def record(self, result: Path, job: Job, modified: int) -> None:
        """Remember that `result`, last changed at `modified`, is about to be renamed into place."""
        line = json.dumps({"result": self._key(result), "at": modified, **asdict(job)})
        with self._path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            torn = end > 0 and file.read(1) != b"\n"  # a killed run left half a line
            file.write(b"\n" * torn + line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _made(self, result: Path) -> _Made | None:
        """How `result` was made, if it is there and was made here."""
        entries = self._entries.get(self._key(result))
        if not entries:
            return None
        try:
            modified = result.stat().st_mtime_ns
        except OSError:
            return None
        for job, at in reversed(entries):
            if modified == at:
                return _Made(job, is_changed=False)
        job, at = entries[-1]
        return _Made(job, is_changed=True) if modified > at else None

    def _key(self, result: Path) -> str:
        return str(result.relative_to(self._folder))

    def _remember(self, line: str) -> None:
        try:
            fields: dict[str, Any] = json.loads(line)
            result, at = str(fields.pop("result")), int(fields.pop("at"))
            self._entries.setdefault(result, []).append((Job(**fields), at))
        except (ValueError, TypeError, KeyError, AttributeError):
            return  # half a line, or another version's
