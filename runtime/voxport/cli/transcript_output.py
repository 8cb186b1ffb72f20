"""Transcripts as they are printed, and as one file."""

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from voxport.cli.terminal import Messages, printable
from voxport.errors import OutputError, accessing

if TYPE_CHECKING:
    from voxport.transcript.transcript import Transcript


class StandardOutput:
    """Each transcript at once on standard output; each failure on stderr, in JSON in its line.

    The text of a long recording is printed word by word while it runs, in the list of many only if
    somebody is looking.
    """

    def __init__(self, form: str, is_naming: bool, messages: Messages) -> None:
        self._form = form
        self._is_naming = is_naming
        self._messages = messages
        self._grown = ""  # of the text of the line that is not ended yet

    def __enter__(self) -> "StandardOutput":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._end_line()

    @property
    def is_growing(self) -> bool:
        """True while a line is not ended; nothing else should be written to its terminal."""
        return bool(self._grown)

    def grow(self, name: str, text: str) -> None:
        """Print more of the text of a recording that is under way."""
        if self._form != "txt" or (self._is_naming and not sys.stdout.isatty()):
            return
        head = f"{printable(name)}: " if self._is_naming and not self._grown else ""
        self._print(head + text)
        self._grown += text

    def write(self, name: str, transcript: "Transcript") -> None:
        """Print a transcript, or what is left of it."""
        from voxport.transcript.formats import format_transcript

        document = format_transcript(transcript, self._form, name)
        if self._grown:
            document = document[len(self._grown) :]
        elif self._is_naming and self._form == "txt":
            document = f"{printable(name)}: {document}"
        self._grown = ""
        self._print(document)

    def fail(self, name: str, reason: str) -> None:
        """Report a recording without a transcript."""
        self._end_line()
        if self._form != "json":
            self._messages.error(f"{name}: {reason}")
            return
        from voxport.transcript.formats import to_json_error

        typer.echo(to_json_error(name, reason), nl=False)

    def _end_line(self) -> None:
        if self._grown:
            self._grown = ""
            self._print("\n")

    @staticmethod
    def _print(text: str) -> None:
        typer.echo(text, nl=False)
        sys.stdout.flush()


class FileOutput:
    """One recording's transcript in a file of its own; an existing file is kept."""

    def __init__(self, path: Path, form: str, is_overwriting: bool, messages: Messages) -> None:
        if path.exists() and not is_overwriting:
            raise OutputError("is there already: give another name, or --overwrite", path)
        with accessing(path, OutputError, "cannot be written"):  # before hours are transcribed
            require_writable_folder(path.parent)
        self._path = path
        self._form = form
        self._messages = messages
        self.is_growing = False

    def __enter__(self) -> "FileOutput":
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: the file is written at once."""

    def grow(self, name: str, text: str) -> None:
        """Wait for the whole text."""

    def write(self, name: str, transcript: "Transcript") -> None:
        """Write the file."""
        from voxport.results.safe_file import replace_file
        from voxport.transcript.formats import format_transcript

        with accessing(self._path, OutputError, "cannot be written"):
            replace_file(self._path, format_transcript(transcript, self._form, name).encode())

    def fail(self, name: str, reason: str) -> None:
        """Report a recording without a transcript."""
        self._messages.error(f"{name}: {reason}")


def require_writable_folder(folder: Path) -> None:
    """Raise OSError where no file can be made in a folder."""
    if not folder.is_dir():
        number = errno.ENOTDIR if folder.exists() else errno.ENOENT
        raise OSError(number, f"there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise OSError(errno.EACCES, f"the folder {folder} is read-only")
