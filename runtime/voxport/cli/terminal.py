"""Text on its way to a terminal: messages in one voice, and no control character as it is.

Names of files, labels, transcripts and error texts may be written by strangers. A terminal obeys
the escape sequences in them, so they are shown instead: ESC as ``\\x1b``.
"""

import os
import re
import shutil
import sys
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TextIO

# C0 and C1 control characters, C1's bytes in names that are no text, and what turns the direction
# of writing (a name may end in one and change how the next line reads).
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\udc80-\udc9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LAYOUT = "\n\t"


def printable(text: object, keep: str = "") -> str:
    """Return a text with its control characters escaped, except for ``keep``."""

    def escape(match: "re.Match[str]") -> str:
        character = match[0]
        if character in keep:
            return character
        code = ord(character)
        is_byte = code < 0x100 or 0xDC80 <= code <= 0xDC9F
        return _SHORT.get(character) or (f"\\x{code & 0xFF:02x}" if is_byte else f"\\u{code:04x}")

    return _CONTROLS.sub(escape, str(text))


@dataclass(frozen=True)
class Messages:
    """Messages on stderr, all of one form: ``voxport: error: talk.wav: there is no such file``."""

    is_quiet: bool = False  # errors only

    def error(self, text: object) -> None:
        """Say why something was not done."""
        _print(f"voxport: error: {printable(text)}")

    def warn(self, text: object) -> None:
        """Print a warning about an answer, unless quiet."""
        if not self.is_quiet:
            _print(f"voxport: warning: {printable(text)}")

    def note(self, text: object) -> None:
        """Print a note, unless quiet."""
        if not self.is_quiet:
            _print(f"voxport: {printable(text)}")


def _print(line: str) -> None:
    with suppress(OSError):  # nobody listens; the answers still go out
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


class TerminalStream(TextIOWrapper):
    """A standard stream on a terminal; controls are escaped, even from libraries."""

    def write(self, text: str, /) -> int:
        """Write a text without its control characters."""
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError("expected text")  # click tells streams of bytes by this
        return super().write(printable(text, _LAYOUT))

    def write_raw(self, text: str) -> None:
        """Write control characters of our own."""
        super().write(text)


class StatusLine:
    """A line to write over: the progress of a run, or the words still changing.

    It is cleared with spaces: escape sequences are not understood by every terminal. Nothing is
    shown if the stream is no terminal, or one unable to go back in its line.
    """

    def __init__(self, stream: TextIO, is_shown: bool = True) -> None:
        self._stream = stream
        self._is_shown = is_shown and stream.isatty() and os.environ.get("TERM") != "dumb"
        self._width = 0  # of what stands there

    def show(self, text: str, keep_end: bool = False) -> None:
        """Replace the line; of a long text its start is shown, or its end."""
        line = fit(printable(text), shutil.get_terminal_size().columns - 1, keep_end)
        width = text_columns(line)
        self._write(f"\r{line}{' ' * (self._width - width)}")
        self._width = width

    def clear(self) -> None:
        """Leave the line to a message."""
        if self._width:
            self._write(f"\r{' ' * self._width}\r")
        self._width = 0

    def _write(self, text: str) -> None:
        if not self._is_shown:
            return
        if isinstance(self._stream, TerminalStream):
            self._stream.write_raw(text)
        else:
            self._stream.write(text)
        self._stream.flush()


def fit(text: str, columns: int, keep_end: bool = False) -> str:
    """Cut a text to a number of columns at its end, or at its start."""
    characters = text[::-1] if keep_end else text
    taken, width = 0, 0
    for character in characters:
        width += text_columns(character)
        if width > columns:
            break
        taken += 1
    return text[len(text) - taken :] if keep_end else text[:taken]


def text_columns(text: str) -> int:
    """Count the columns of a text on a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
