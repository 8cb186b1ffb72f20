"""Transcripts as they are printed, and as one file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from voxport.cli.terminal import Messages, printable
from voxport.errors import OutputError, accessing

if TYPE_CHECKING:
    from voxport.transcript.transcript import Transcript


class StandardOutput:
    """Each transcript at once on standard output; each failure on stderr, in JSON in its line."""

    def __init__(self, form: str, is_naming: bool, messages: Messages) -> None:
        self._form = form
        self._is_naming = is_naming
        self._messages = messages

    def write(self, name: str, transcript: "Transcript") -> None:
        """Print a transcript."""
        from voxport.transcript.formats import format_transcript

        document = format_transcript(transcript, self._form, name)
        if self._is_naming and self._form == "txt":
            document = f"{printable(name)}: {document}"
        typer.echo(document, nl=False)
        sys.stdout.flush()

    def fail(self, name: str, reason: str) -> None:
        """Report a recording without a transcript."""
        if self._form != "json":
            self._messages.error(f"{name}: {reason}")
            return
        from voxport.transcript.formats import to_json_error

        typer.echo(to_json_error(name, reason), nl=False)


class FileOutput:
    """One recording's transcript in a file of its own; an existing file is kept."""

    def __init__(self, path: Path, form: str, is_overwriting: bool, messages: Messages) -> None:
        if path.exists() and not is_overwriting:
            raise OutputError("is there already: give another name, or --overwrite", path)
        self._path = path
        self._form = form
        self._messages = messages

    def write(self, name: str, transcript: "Transcript") -> None:
        """Write the file."""
        from voxport.results.safe_file import replace_file
        from voxport.transcript.formats import format_transcript

        with accessing(self._path, OutputError, "cannot be written"):
            replace_file(self._path, format_transcript(transcript, self._form, name).encode())

    def fail(self, name: str, reason: str) -> None:
        """Report a recording without a transcript."""
        self._messages.error(f"{name}: {reason}")
