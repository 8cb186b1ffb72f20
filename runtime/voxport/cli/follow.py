"""``voxport transcribe PACKAGE - --follow``: a stream on standard input, as it comes."""

import io
import os
import select
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

import typer

from voxport.transcript.formats import format_clock, json_line

if TYPE_CHECKING:
    from voxport.audio.pcm_stream import PcmFormat
    from voxport.recognizer import Recognizer
    from voxport.streaming import Event

FORMATS = ("txt", "json")
_IDLE = 1.0  # seconds without a byte after which all that was heard is final
_BLOCK = 1 << 16  # bytes


def follow(recognizer: "Recognizer", stream: BinaryIO, form: str, raw: "PcmFormat | None") -> None:
    """Print what is said in a stream, until it ends."""
    from voxport.errors import naming

    with naming("-"):
        _follow(recognizer, stream, form, raw)


def _follow(recognizer: "Recognizer", stream: BinaryIO, form: str, raw: "PcmFormat | None") -> None:
    from voxport.audio.pcm_stream import PcmStream
    from voxport.streaming import StreamingRecognizer

    show = _show_json if form == "json" else _show_text
    decoder = PcmStream(raw)
    live = None
    try:
        for content in _arrivals(stream):
            samples = decoder.push(content)
            if live is None and decoder.format is not None:
                live = StreamingRecognizer(recognizer, decoder.format.rate)
            if live is not None:
                show(live.push(samples) if content else live.pause())
    except KeyboardInterrupt:
        if live is not None:
            show(live.finish())
        raise
    if live is not None:
        show(live.finish())
    decoder.finish()


def _arrivals(stream: BinaryIO) -> Iterator[bytes]:
    """What comes, when it comes; nothing (b"") where nothing has come for a while."""
    try:
        source = stream.fileno()
    except (OSError, io.UnsupportedOperation):  # no real file: a test's
        yield from iter(lambda: stream.read(_BLOCK), b"")
        return
    can_wait = sys.platform != "win32"
    while True:
        if can_wait and not select.select([source], [], [], _IDLE)[0]:
            yield b""
        elif content := os.read(source, _BLOCK):
            yield content
        else:
            return


def _show_json(events: "list[Event]") -> None:
    for event in events:
        content = {
            "final": event.final,
            "text": event.text,
            "start": event.words[0].start,
            "end": event.words[-1].end,
            "words": [asdict(word) for word in event.words],
        }
        typer.echo(json_line(content), nl=False)


def _show_text(events: "list[Event]") -> None:
    """Final words on a line each; on a terminal, what they seem to be meanwhile below them."""
    is_terminal = sys.stdout.isatty()
    for event in events:
        if is_terminal:
            typer.echo("\r\x1b[K", nl=False)
        if event.final:
            start, end = (
                format_clock(at, ".") for at in (event.words[0].start, event.words[-1].end)
            )
            typer.echo(f"[{start} --> {end}] {event.text}")
        elif is_terminal:
            typer.echo(event.text[-shutil.get_terminal_size().columns + 1 :], nl=False)
