"""Progress of a long run, on a terminal's stderr, and a summary at its end."""

import sys
import time
from pathlib import Path

from voxport.cli.terminal import Messages, StatusLine

_ESTIMATE_AFTER_S = 3.0  # before that, loading and warming up weigh too much


class Progress:
    """A line with counted files, the seconds of a long recording, and an estimate of the rest."""

    def __init__(self, total: int, messages: Messages, done: int = 0) -> None:
        self._total = total
        self._done = self._start = done
        self._started = time.monotonic()
        self._line = StatusLine(sys.stderr, is_shown=not messages.is_quiet)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def step(self) -> None:
        """Count one more file."""
        self._done += 1
        self._show("", 0.0)

    def within(self, name: str, seconds: float, promised: float | None) -> None:
        """Show the ``seconds`` done of a recording, out of ``promised`` expected ones."""
        whole = "" if promised is None else f" of {_clock(promised)}"
        share = min(1.0, seconds / promised) if promised else 0.0
        self._show(f"{Path(name).name}: {_clock(seconds)}{whole}", share)

    def clear(self) -> None:
        """Leave the line to a message."""
        self._line.clear()

    def _show(self, recording: str, share: float) -> None:
        files = f"{self._done} of {self._total} files" if self._total > 1 else ""
        parts = (files, recording, self._time_left(share))
        self._line.show(", ".join(part for part in parts if part))

    def _time_left(self, share: float) -> str:
        """Estimate from the finished files, ``share`` of the next one included."""
        done = self._done - self._start + share
        left = self._total - self._done - share
        elapsed = time.monotonic() - self._started
        if elapsed < _ESTIMATE_AFTER_S or not done or left <= 0:
            return ""
        return f"{_clock(elapsed * left / done)} left"


class Summary:
    """Counts of a run, printed at its end or when it is interrupted.

    A successful run prints it on terminals only: scripts expect nothing on stderr. Neither do they
    where failures are lines of the output (``lists_failures``, JSON).
    """

    def __init__(
        self,
        total: int,
        messages: Messages,
        *,
        resumes: bool = False,
        lists_failures: bool = False,
    ) -> None:
        self.failed = 0
        self._total = total
        self._messages = messages
        self._resumes = resumes  # the same command goes on after an interruption
        self._lists_failures = lists_failures
        self._done = 0
        self._kept = 0
        self._audio_seconds = 0.0
        self._started = time.monotonic()

    def __enter__(self) -> "Summary":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._total < 2:
            return
        if kind is None and (sys.stderr.isatty() or (self.failed and not self._lists_failures)):
            self._messages.note(self._describe())
        elif kind is not None and issubclass(kind, KeyboardInterrupt):
            advice = "; the same command goes on" if self._resumes else ""
            self._messages.note(f"{self._done + self._kept} of {self._total} done{advice}")

    def add(self, audio_seconds: float) -> None:
        """Count a transcribed recording."""
        self._done += 1
        self._audio_seconds += audio_seconds

    def add_kept(self) -> None:
        """Count a recording whose result is there from an earlier run."""
        self._kept += 1

    def add_failure(self) -> None:
        """Count a recording without a transcript."""
        self.failed += 1

    def _describe(self) -> str:
        """Describe the run: "3 of 4 files done, 1 failed: 12.5 s of audio in 1.2 s"."""
        parts = [f"{self._done + self._kept} of {self._total} files done"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        seconds = time.monotonic() - self._started
        return f"{', '.join(parts)}: {self._audio_seconds:.1f} s of audio in {seconds:.1f} s"


def _clock(seconds: float) -> str:
    """Format 3725.5 as "62:05"."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes}:{second:02}"
