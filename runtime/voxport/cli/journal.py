"""What is done already: how an interrupted batch goes on where it was.

Beside the results lies a file with a line of JSON for each: which recording it was made from, and
with what. A line is written before its result is renamed into place, with the time at which the
result was last changed. So a result that is there and is not older than its line was finished;
one that somebody has corrected since then is newer, and is left alone too.

Knows files, no formats and no models.
"""

import json
import os
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
    """The job for a file; None where there is none to know again: standard input, for one."""
    if name == "-":
        return None
    try:
        status = os.stat(name)  # noqa: PTH116 (names may be bytes that are no text)
    except (OSError, ValueError):
        return None
    return Job(os.path.abspath(name), status.st_size, status.st_mtime_ns, settings)  # noqa: PTH100


class Journal:
    """The record in a folder of results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._entries: dict[str, tuple[Job, int]] = {}
        with accessing(self._path, OutputError):
            if self._path.exists():
                for line in self._path.read_text("ascii", errors="replace").splitlines():
                    self._remember(line)

    def is_done(self, result: Path, job: Job | None) -> bool:
        """Whether `result` was finished, and for this very job."""
        return job is not None and self._entry(result) == job

    def other_owner(self, result: Path, job: Job | None) -> str | None:
        """The recording that `result` was made from, if it is another than the job's."""
        entry = self._entry(result)
        if entry is None or job is None or entry.is_of_same_recording(job):
            return None
        return entry.file

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

    def _entry(self, result: Path) -> Job | None:
        """What `result` was made from, if it is there."""
        found = self._entries.get(self._key(result))
        try:
            return found[0] if found and result.stat().st_mtime_ns >= found[1] else None
        except OSError:
            return None

    def _key(self, result: Path) -> str:
        return str(result.relative_to(self._folder))

    def _remember(self, line: str) -> None:
        try:
            fields: dict[str, Any] = json.loads(line)
            result, at = str(fields.pop("result")), int(fields.pop("at"))
            self._entries[result] = (Job(**fields), at)
        except (ValueError, TypeError, KeyError, AttributeError):
            return  # half a line, or another version's: that file is done again
