"""The request of one ``voxport transcribe``, checked before anything is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from voxport.cli.audio_argument import STANDARD_INPUT
from voxport.cli.follow import FORMATS as STREAMED
from voxport.transcript.formats import FORMATS

if TYPE_CHECKING:
    from voxport.audio.pcm_stream import PcmFormat
    from voxport.decoding.beam_search import BeamSearch

_ONE_RECORDING = ("srt", "vtt", "tsv")
# Endings of files, of texts and of recordings, which a folder hardly has.
_OTHER_ENDINGS = (
    *("ass", "csv", "doc", "docx", "html", "jsonl", "lrc", "log", "md", "odt", "pdf", "rtf", "sbv"),
    *("ssa", "stl", "sub", "text", "ttml", "webvtt", "xml", "yaml", "aac", "aif", "aiff", "au"),
    *("caf", "flac", "m4a", "mkv", "mov", "mp2", "mp3", "mp4", "oga", "ogg", "opus", "wav", "webm"),
    "wma",
)


@dataclass(frozen=True)
class Target:
    """The place of the transcripts: standard output, a file each in a folder, or one file."""

    form: str
    folder: Path | None = None
    file: Path | None = None
    is_overwriting: bool = False
    is_naming: bool = False  # "NAME: TEXT" on standard output


@dataclass(frozen=True)
class StreamInput:
    """A stream on standard input, transcribed while it comes."""

    raw: "PcmFormat | None"  # None: it brings a wav header


@dataclass(frozen=True)
class SearchOptions:
    """Options of the beam search; none of them given means greedy decoding."""

    beam: int | None = None
    language_model: str | None = None  # a file, or "package"
    has_language_model: bool = True  # False: none at all
    alpha: float | None = None
    beta: float | None = None
    hot_words: Sequence[str] = field(default=())

    def decoder(self, has_package_model: Callable[[], bool]) -> "BeamSearch | None":
        """Return the requested search; ``None``: the graph's own greedy decoder.

        ``has_package_model`` tells whether the package has a language model.
        """
        if self.language_model is not None and not self.has_language_model:
            raise typer.BadParameter("--lm and --no-lm: give one of them")
        is_searched = bool(self.beam or self.language_model or self.hot_words)
        weights = {"alpha": self.alpha, "beta": self.beta}
        given = {name: value for name, value in weights.items() if value is not None}
        is_weighed = self.language_model is not None or (
            is_searched and self.has_language_model and bool(given) and has_package_model()
        )
        if given and not is_weighed:
            options = " and ".join(f"--{name}" for name in given)
            raise typer.BadParameter(f"{options}: only with --lm FILE, the language model to weigh")
        if not is_searched:
            return None
        from voxport.decoding.beam_search import BeamSearch

        words = tuple(self.hot_words)
        chosen = self.language_model if self.has_language_model else False
        return BeamSearch(self.beam, chosen, hot_words=words, **given)


def choose_target(
    audio: Sequence[str],
    form: str | None,
    output: str | None,
    is_overwriting: bool,
    is_naming: bool,
) -> Target:
    """Return the place of the transcripts of these recordings."""
    if output in (None, STANDARD_INPUT):  # "-" is standard output here
        if is_overwriting:
            raise typer.BadParameter("--overwrite needs --output-dir DIR")
        form = form or "txt"
        if len(audio) > 1 and form in _ONE_RECORDING:
            raise typer.BadParameter(
                f"{form} is one document a recording: give --output-dir DIR, and each of the "
                f"{len(audio)} files gets its own"
            )
        return Target(form, is_naming=is_naming and len(audio) > 1)
    path = Path(output)
    ending = path.suffix[1:].lower()
    if ending not in FORMATS or path.is_dir():
        _require_folder(output, ending)
        return Target(form or "txt", folder=path, is_overwriting=is_overwriting)
    if len(audio) > 1:
        raise typer.BadParameter(
            f"{output} is a file for one recording, and {len(audio)} are given: name a folder"
        )
    if form not in (None, ending):
        raise typer.BadParameter(f"{output} ends in .{ending}, and --format says {form}")
    return Target(ending, file=path, is_overwriting=is_overwriting)


def _require_folder(output: str, ending: str) -> None:
    """Refuse a name that was meant as a file's."""
    path = Path(output)
    files = f"a file's name ends in {', '.join(f'.{form}' for form in FORMATS)}"
    if path.exists() and not path.is_dir():
        raise typer.BadParameter(f"{output} is no folder, and {files}")
    if ending in _OTHER_ENDINGS and not path.exists() and output[-1] not in "/\\":
        raise typer.BadParameter(f"{output}: {files}; a folder of this name is {output}/")


def parse_stream(
    is_followed: bool, raw: str | None, audio: Sequence[str], form: str, output: str | None
) -> StreamInput | None:
    """Return the requested stream, if any."""
    if not is_followed:
        if raw is not None:
            raise typer.BadParameter("--raw needs --follow")
        return None
    if list(audio) != [STANDARD_INPUT] or output is not None:
        raise typer.BadParameter("--follow takes standard input (-) alone, and prints")
    if form not in STREAMED:
        raise typer.BadParameter(f"--follow prints {' or '.join(STREAMED)}, not {form}")
    if raw is None:
        return StreamInput(None)
    from voxport.audio.pcm_stream import parse_format
    from voxport.errors import InputError

    try:
        return StreamInput(parse_format(raw))
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
