"""A line on stderr that says how far a long run is, where stderr is a terminal."""

import shutil
import sys
from pathlib import Path
from types import TracebackType

import typer


class Progress:
    """Counts files, and the seconds of a recording that takes long."""

    def __init__(self, total: int, done: int = 0) -> None:
        self._total = total
        self._done = done
        self._is_shown = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.clear()

    def step(self) -> None:
        """Count one more file."""
        self._done += 1
        self._show("")

    def within(self, name: str, seconds: float, promised: float | None) -> None:
        """Say how far a recording is, of which `promised` seconds are expected."""
        whole = "" if promised is None else f" of {_clock(promised)}"
        self._show(f"{Path(name).name}: {_clock(seconds)}{whole}")

    def clear(self) -> None:
        """Leave the line to a message."""
        self._say("\r\x1b[K")

    def _show(self, recording: str) -> None:
        files = f"{self._done} of {self._total} files" if self._total > 1 else ""
        line = ", ".join(part for part in (files, recording) if part)
        self._say(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")

    def _say(self, text: str) -> None:
        if self._is_shown:
            typer.echo(text, nl=False, err=True)


def _clock(seconds: float) -> str:
    """3725.5 as "62:05"."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes}:{second:02}"
