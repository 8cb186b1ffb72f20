"""A request for a recording's answer: its limits, and what became of it. Knows seconds only."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from voxport.errors import InputError
from voxport.serving.scheduler import GoneError


class TooLongError(InputError):
    """Recording of more seconds than a request may have."""


@dataclass(eq=False)
class Request:
    """One recording on its way: its limits, and what became of it."""

    longest_seconds: float = float("inf")  # of audio
    deadline: float | None = None  # by the scheduler's clock
    said: Callable[[str], None] | None = None  # called with text as it becomes final
    audio_seconds: float = 0.0  # read so far
    marks_ns: dict[str, int] = field(default_factory=dict[str, int])  # when a step ended: the clock
    _is_cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def is_cancelled(self) -> bool:
        """True once nobody waits for the answer."""
        return self._is_cancelled.is_set()

    def cancel(self) -> None:
        """End the request at its next step; ``ScheduledModel.cancel`` ends what waits, too."""
        self._is_cancelled.set()

    def hear(self, seconds: float) -> None:
        """Note the audio read so far; raise if the request must end."""
        self.audio_seconds = seconds
        if self.is_cancelled:
            raise GoneError
        if seconds > self.longest_seconds:
            raise TooLongError(f"is longer than {self.longest_seconds:g} s, the longest accepted")

    def mark(self, step: str) -> None:
        """Note that a step of the request has ended."""
        self.marks_ns[step] = time.time_ns()
