"""The standard streams: open, able to write any name, and safe for a terminal."""

import codecs
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, cast

from voxport.cli.terminal import TerminalStream

_ERRORS = "voxport"  # how characters are written that a stream cannot encode


def prepare_streams() -> None:
    """Make the standard streams of this process fit for printing."""
    _open_closed_streams()
    codecs.register_error(_ERRORS, encode_unencodable)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"  # LC_ALL=C, on some systems
            encoding = "utf-8" if is_ascii else stream.encoding
            stream.reconfigure(encoding=encoding, errors=_ERRORS)
            buffer = cast("Any", stream).buffer
            if stream.isatty():  # sys.__stdout__ keeps the buffer that both write to
                wrapped = TerminalStream(buffer, encoding, _ERRORS, line_buffering=True)
                setattr(sys, name, wrapped)


def drop_output() -> None:
    """Discard the output still to be printed, else Python complains of it at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def encode_unencodable(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encode a name's undecodable bytes as they are, other characters as escapes."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def _open_closed_streams() -> None:
    """Replace streams closed by the caller with streams failing on use."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            other_way = os.O_RDONLY if name == "stdout" else os.O_WRONLY
            setattr(sys, name, os.fdopen(os.open(os.devnull, other_way), mode))
