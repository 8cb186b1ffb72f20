"""The AUDIO argument: files, folders, patterns left alone by the shell, and lists of names."""

import glob
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

STANDARD_INPUT = "-"


def list_audio(given: Sequence[str], files_from: str | None, is_recursive: bool) -> list[str]:
    """List the recordings of all arguments, in the order given; refuse a call without any."""
    if not given and files_from is None:
        raise typer.BadParameter("no AUDIO is given: name a recording, a folder, or - for stdin")
    if [*given, files_from].count(STANDARD_INPUT) > 1:
        raise typer.BadParameter("standard input (-) can be read once")
    names = [*given, *(read_names(files_from) if files_from is not None else [])]
    return [file for name in names for file in _expand(name, is_recursive)]


def read_names(source: str) -> list[str]:
    """Read a list of names, one a line, or ended by null characters as ``find -print0`` does."""
    from voxport.errors import InputError, accessing

    with accessing("standard input" if source == STANDARD_INPUT else source, InputError):
        is_stdin = source == STANDARD_INPUT
        content = sys.stdin.buffer.read() if is_stdin else Path(source).read_bytes()
    parts = content.split(b"\0") if b"\0" in content else content.splitlines()
    names = [os.fsdecode(part) for part in parts if part.strip()]
    if not names:
        raise InputError("names no recording", source)
    return names


def _expand(name: str, is_recursive: bool) -> list[str]:
    """Return the recordings of one argument; one without any stays, and fails by itself."""
    if name == STANDARD_INPUT:
        return [name]
    try:
        if os.path.isdir(name):  # noqa: PTH112 (it never raises)
            return _folder(name, is_recursive) or [name]
        if glob.has_magic(name) and not os.path.lexists(name):
            return sorted(glob.glob(name)) or [name]  # noqa: PTH207 (names keep their form)
    except ValueError:  # a null character
        pass
    return [name]


def _folder(folder: str, is_recursive: bool) -> list[str]:
    """List the audio files in a folder, by name."""
    from voxport.audio.files import EXTENSIONS, audio_files

    if is_recursive:
        return [str(path) for path in audio_files(Path(folder))]
    files = sorted(Path(folder).iterdir())
    return [str(path) for path in files if path.suffix.lower() in EXTENSIONS and path.is_file()]
