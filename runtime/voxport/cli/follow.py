"""``voxport transcribe PACKAGE - --follow``: a stream on standard input, as it comes."""

import io
import os
import select
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

import typer

from voxport.cli.terminal import StatusLine
from voxport.transcript.formats import format_clock, json_line

if TYPE_CHECKING:
    from voxport.audio.pcm_stream import PcmFormat
    from voxport.recognizer import Recognizer
    from voxport.streaming import Event

FORMATS = ("txt", "json")
_IDLE_S = 1.0  # without a byte, after which all that was heard is final
_BLOCK_BYTES = 1 << 16


def follow(recognizer: "Recognizer", stream: BinaryIO, form: str, raw: "PcmFormat | None") -> None:
    """Print the words of a stream until it ends."""
    from voxport.errors import naming

    with naming("-"):
        _follow(recognizer, stream, form, raw)


def _follow(recognizer: "Recognizer", stream: BinaryIO, form: str, raw: "PcmFormat | None") -> None:
    from voxport.audio.pcm_stream import PcmStream
    from voxport.streaming import StreamingRecognizer

    show = _show_json if form == "json" else _TextLines().show
    decoder = PcmStream(raw)
    live = None
    try:
        for content in _read_blocks(stream):
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


def _read_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield bytes as they come; nothing (b"") after a while without any."""
    try:
        source = stream.fileno()
    except (OSError, io.UnsupportedOperation):  # no real file: a test's
        yield from iter(lambda: stream.read(_BLOCK_BYTES), b"")
        return
    can_wait = sys.platform != "win32"
    while True:
        if can_wait and not select.select([source], [], [], _IDLE_S)[0]:
            yield b""
        elif content := os.read(source, _BLOCK_BYTES):
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


class _TextLines:
    """Final words on a line each; on a terminal, still changing ones below them."""

    def __init__(self) -> None:
        self._line = StatusLine(sys.stdout)

    def show(self, events: "list[Event]") -> None:
        for event in events:
            if event.final:
                self._line.clear()
                times = (event.words[0].start, event.words[-1].end)
                start, end = (format_clock(at, ".") for at in times)
                typer.echo(f"[{start} --> {end}] {event.text}")
            else:
                self._line.show(event.text, keep_end=True)
