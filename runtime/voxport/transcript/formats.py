"""A transcript as text: plain, JSON, and the three subtitle-like formats that whisper writes.

Every function takes the file's name and its transcript and returns a whole document that ends in a
line feed. Knows nothing of where it is written to.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from voxport.transcript.subtitles import Cue, cues
from voxport.transcript.transcript import Transcript


def txt(file: str, transcript: Transcript) -> str:  # noqa: ARG001
    """The text on one line."""
    return f"{transcript.text}\n"


def words(file: str, transcript: Transcript) -> str:  # noqa: ARG001
    """A line a word: start and end in seconds, score, text."""
    return "".join(
        f"{word.start:9.2f} {word.end:9.2f}  {word.score:.2f}  {word.text}\n"
        for word in transcript.words
    )


def json_line(file: str, transcript: Transcript) -> str:
    """One object on one line: file, text, duration, words and tokens."""
    return _line({"file": file, **asdict(transcript)})


def json_error(file: str, reason: str) -> str:
    """The line of a file that failed."""
    return _line({"file": file, "error": reason})


def _line(content: dict[str, Any]) -> str:
    """One line of JSON; a name that holds bytes that are no text has them as \\udc80 to \\udcff."""
    line = json.dumps(content, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        line = json.dumps(content)
    return line + "\n"


def srt(file: str, transcript: Transcript) -> str:  # noqa: ARG001
    """SubRip: numbered cues."""
    return "\n".join(
        f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{_text(cue)}\n"
        for number, cue in enumerate(_cues(transcript), 1)
    )


def vtt(file: str, transcript: Transcript) -> str:  # noqa: ARG001
    """WebVTT."""
    parts = [
        f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n{_escaped(_text(cue))}\n"
        for cue in _cues(transcript)
    ]
    return "\n".join(["WEBVTT\n", *parts])


def tsv(file: str, transcript: Transcript) -> str:  # noqa: ARG001
    """A table of cues: start and end in milliseconds, text."""
    rows = [
        f"{_milliseconds(cue.start)}\t{_milliseconds(cue.end)}\t{cue.text}\n"
        for cue in _cues(transcript)
    ]
    return "".join(["start\tend\ttext\n", *rows])


FORMATS: dict[str, Callable[[str, Transcript], str]] = {
    "txt": txt,
    "json": json_line,
    "srt": srt,
    "vtt": vtt,
    "tsv": tsv,
}


# Of a text that was known before, its words' times are the news.
ALIGNED = {**FORMATS, "txt": words}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def clock(seconds: float, point: str) -> str:
    """00:01:02.345, with `point` before the milliseconds."""
    whole, milliseconds = divmod(_milliseconds(seconds), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{milliseconds:03}"


def _cues(transcript: Transcript) -> list[Cue]:
    return cues(transcript.words, transcript.text, transcript.tokens)


def _text(cue: Cue) -> str:
    return "\n".join(cue.lines)


def _escaped(text: str) -> str:
    """WebVTT's text may hold none of these as they are."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
