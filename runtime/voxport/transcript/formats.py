"""Transcripts as text: plain, JSON, and whisper's three subtitle formats.

Every writer returns a whole document with a line feed at its end. Knows nothing of its destination.

Numbers. A score differs in its seventh digit by the batch of its recording: 8e-7 at the most in
5 382 scores of 228 recordings in random batches; nine of them differed when rounded to five
decimals, none to four. So every format writes the same rounded numbers: times and scores to
``DECIMALS`` places, half up, as ``floor(x * 10**4 + 0.5) / 10**4`` in float64. The C++ and
JavaScript hosts compute the same sum and print the same digits. NaN and infinity are null in JSON.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, cast

from voxport.transcript.subtitles import Cue, group_into_cues
from voxport.transcript.transcript import Transcript

DECIMALS = 4

FORMATS = ("txt", "json", "srt", "vtt", "tsv")


def format_transcript(transcript: Transcript, form: str, file: str | None = None) -> str:
    """Return the document in one of ``FORMATS``; ``file`` is the recording's name, for JSON."""
    return to_json(transcript, file) if form == "json" else _WRITERS[form](transcript)


def format_alignment(transcript: Transcript, form: str, file: str | None = None) -> str:
    """Return the document of an aligned text: as plain text its words' times, as it is known."""
    is_text = form == "txt"
    return to_word_times(transcript) if is_text else format_transcript(transcript, form, file)


def to_txt(transcript: Transcript) -> str:
    """Return the text on one line, its spaces as they are."""
    return f"{transcript.text}\n"


def to_word_times(transcript: Transcript) -> str:
    """Return a line a word: start and end in seconds, score, text."""
    return "".join(
        f"{_rounded(word.start):9.2f} {_rounded(word.end):9.2f}  {_rounded(word.score):.2f}  "
        f"{word.text}\n"
        for word in transcript.words
    )


def to_json(transcript: Transcript, file: str | None = None) -> str:
    """Return one JSON object on one line: file, text, duration, words and tokens.

    Args:
        transcript: of one recording.
        file: the recording's name; without it the object has no "file".

    Returns:
        The line. Times are seconds and scores 0 to 1, both rounded to four decimals.

    Examples:
        >>> import voxport
        >>> transcript = voxport.Transcript("YES", 1.0, (voxport.Word("YES", 0.5, 0.7, 0.93),))
        >>> print(voxport.to_json(transcript, "yes.flac"), end="")
        {"file": "yes.flac", "text": "YES", "duration": 1.0,
         "words": [{"text": "YES", "start": 0.5, "end": 0.7, "score": 0.93}], "tokens": []}
    """
    named = {} if file is None else {"file": file}
    return json_line({**named, **asdict(transcript)})


def to_json_error(file: str, reason: str) -> str:
    """Return the line of a failed file."""
    return json_line({"file": file, "error": reason})


def json_line(content: Mapping[str, Any]) -> str:
    """Return one line of JSON, floats rounded to ``DECIMALS``, NaN and infinities as null.

    Undecodable bytes of a file name become \\udc80 to \\udcff.
    """
    plain = _plain(content)
    line = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        line = json.dumps(plain, allow_nan=False)
    return line + "\n"


def to_srt(transcript: Transcript) -> str:
    """Return SubRip subtitles: numbered cues of at most two lines of 42 characters.

    Args:
        transcript: of one recording; cues take their times from its words.

    Returns:
        The document, "" without words.

    Examples:
        >>> import voxport
        >>> recognizer = voxport.load("commands")
        >>> print(voxport.to_srt(recognizer.transcribe("models/commands/samples/yes.flac")))
        1
        00:00:00,500 --> 00:00:01,500
        YES
        <BLANKLINE>
    """
    return "\n".join(
        f"{number}\n{format_clock(cue.start, ',')} --> {format_clock(cue.end, ',')}\n{_text(cue)}\n"
        for number, cue in enumerate(_cues(transcript), 1)
    )


def to_vtt(transcript: Transcript) -> str:
    """Return WebVTT subtitles, with the same cues as ``to_srt``.

    Args:
        transcript: of one recording.

    Returns:
        The document; without words its header alone.

    Examples:
        >>> import voxport
        >>> transcript = voxport.Transcript("YES", 1.0, (voxport.Word("YES", 0.5, 1.6, 0.93),))
        >>> print(voxport.to_vtt(transcript), end="")
        WEBVTT
        <BLANKLINE>
        00:00:00.500 --> 00:00:01.600
        YES
    """
    parts = [
        f"{format_clock(cue.start, '.')} --> {format_clock(cue.end, '.')}\n{_escaped(_text(cue))}\n"
        for cue in _cues(transcript)
    ]
    return "\n".join(["WEBVTT\n", *parts])


def to_tsv(transcript: Transcript) -> str:
    """Return a table of the cues of ``to_srt``: start and end in milliseconds, text.

    Args:
        transcript: of one recording.

    Returns:
        The document: a header, and a line a cue with tabs between its fields.

    Examples:
        >>> import voxport
        >>> transcript = voxport.Transcript("YES", 1.0, (voxport.Word("YES", 0.5, 1.6, 0.93),))
        >>> voxport.to_tsv(transcript).splitlines()[1].split("\\t")
        ['500', '1600', 'YES']
    """
    rows = [
        f"{_milliseconds(cue.start)}\t{_milliseconds(cue.end)}\t{cue.text}\n"
        for cue in _cues(transcript)
    ]
    return "".join(["start\tend\ttext\n", *rows])


_WRITERS: dict[str, Callable[[Transcript], str]] = {
    "txt": to_txt,
    "srt": to_srt,
    "vtt": to_vtt,
    "tsv": to_tsv,
}


def format_clock(seconds: float, point: str) -> str:
    """Return 00:01:02.345, with ``point`` before the milliseconds."""
    whole, milliseconds = divmod(_milliseconds(seconds), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{milliseconds:03}"


def round_number(value: float) -> float:
    """Round a time or a score as every format does."""
    return _rounded(value)


def _plain(value: Any) -> Any:
    """Return a value for JSON: floats rounded, infinities and NaN as None."""
    if isinstance(value, float):
        return _rounded(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("list[Any]", value)]
    return value


def _rounded(value: float) -> float:
    return math.floor(value * 10**DECIMALS + 0.5) / 10**DECIMALS if math.isfinite(value) else value


def _milliseconds(seconds: float) -> int:
    return math.floor(_rounded(seconds) * 1000 + 0.5)


def _cues(transcript: Transcript) -> list[Cue]:
    return group_into_cues(transcript.words, transcript.text, transcript.tokens)


def _text(cue: Cue) -> str:
    return "\n".join(cue.lines)


def _escaped(text: str) -> str:
    """Escape WebVTT's special characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
