"""The command as a test calls it: in this process, or as a process of its own."""

import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from support import data
from voxport.cli import app
from voxport.results import folder_lock, journal

YES, SEVEN = data.SAMPLES / "yes.flac", data.SAMPLES / "seven.wav"


def run(*args, **options) -> Result:
    return CliRunner().invoke(app, list(map(str, args)), **options)


def transcribe(*args, **options) -> Result:
    return run("transcribe", *args, **options)


def process_arguments(*args) -> list[str]:
    code = "import sys; from voxport.cli import main; main()"
    return [sys.executable, "-c", code, *map(str, args)]


def results(folder: Path) -> list[Path]:
    """The files in it, without the record of what is done."""
    ours = (journal.NAME, folder_lock.NAME)
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ours)


def stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """Time of modification and inode of each text in a folder."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*.txt")}
