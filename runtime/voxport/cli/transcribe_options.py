"""The options of ``voxport transcribe``, in the panels of its help."""

from typing import Annotated, Any, TypeAlias, cast

import typer

from voxport.cli.options import OUTPUT_PANEL, complete_from, finite, not_empty, one_of
from voxport.transcript.formats import FORMATS

_RECORDINGS = "Recordings"
_STREAMS = "Streams"
_SEARCH = "Beam search"
_BATCHES = "Speed and memory"


def _each_not_empty(names: Any) -> Any:
    for name in cast("list[str]", names or []):
        not_empty(name)
    return names


def _each_word(words: Any) -> Any:
    if not all(word.strip() for word in cast("list[str]", words or [])):
        raise typer.BadParameter("the word is empty")
    return words


Audio: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="AUDIO...",
        callback=_each_not_empty,
        help="Audio files (wav, flac, ogg, opus, mp3, aiff …) or folders of them; - is standard "
        "input; a name that starts with a dash needs its folder: ./-x.wav.",
        show_default=False,
    ),
]
Recursive: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--recursive",
        "-r",
        help="Search the folders in a folder too.",
        rich_help_panel=_RECORDINGS,
    ),
]
FilesFrom: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="LIST",
        callback=not_empty,
        help="Read names of recordings from a file, one a line (or as `find -print0` writes them); "
        "- is standard input.",
        show_default=False,
        rich_help_panel=_RECORDINGS,
    ),
]
Format: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar=f"[{'|'.join(FORMATS)}]",
        callback=one_of(FORMATS),
        help="txt: one line a file; a file that fails has its line on stderr instead. json: one "
        "object a line, with the times and scores of words and tokens, and a line for each file "
        "that fails. srt, vtt, tsv: one document a recording, so several need -o.",
        show_default="txt, or the ending of -o FILE",
        rich_help_panel=OUTPUT_PANEL,
        autocompletion=complete_from(FORMATS),
    ),
]
Output: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--output-dir",
        "--output",
        "-o",
        metavar="DIR|FILE",
        callback=not_empty,
        help="Write DIR/NAME.FORMAT for each NAME.wav instead of printing; each file is whole or "
        "not there. Equal names are told apart by their folders (DIR/bed/x.txt, DIR/bird/x.txt), "
        "in one folder by their endings (DIR/x.flac.txt). What is done is not done again: after an "
        "interruption, give the same command. A file that voxport did not write, or that was "
        "changed since, is left as it is. For one recording also a file: talk.srt.",
        show_default=False,
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Overwrite: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="With -o: do all again, and replace whatever files are there.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
NoFilenames: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-filenames",
        help="Print the texts of several files without their names in front.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Follow: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--follow",
        help="With - as AUDIO: transcribe a stream while it comes (wav, or what --raw says). Final "
        "words are printed within two seconds, with their times; a terminal shows the words that "
        "may still change, --format json prints both.",
        rich_help_panel=_STREAMS,
    ),
]
Raw: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="RATE:FORMAT:CHANNELS",
        help="With --follow: the stream has no header, and is this. What is left out is as in "
        "16000:s16le:1, so that 8000 means 8000:s16le:1. Formats: u8, s16le, s24le, s32le, f32le, "
        "f64le.",
        show_default=False,
        rich_help_panel=_STREAMS,
    ),
]
Beam: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--beam",
        min=1,
        metavar="N",
        help="Search with N prefixes instead of decoding greedily. 50 with --lm or --hotword, 100 "
        "with a package's own language model.",
        show_default=False,
        rich_help_panel=_SEARCH,
    ),
]
LanguageModelFile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--lm",
        metavar="FILE|package",
        callback=not_empty,
        help="An n-gram language model of words: .arpa, .arpa.gz, or KenLM's binary "
        '(pip install "voxport[lm]"); `package`: the one that the package brings. ./package is a '
        "file.",
        show_default="with --beam or --hotword the package's, if it has one",
        rich_help_panel=_SEARCH,
    ),
]
NoLanguageModel: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-lm",
        help="With --beam or --hotword: search without the package's language model.",
        rich_help_panel=_SEARCH,
    ),
]
Alpha: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="X",
        callback=finite,
        help="With --lm: the language model's weight.",
        show_default="0.5, or the package's",
        rich_help_panel=_SEARCH,
    ),
]
Beta: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        callback=finite,
        help="With --lm: the bonus of every word, in nats.",
        show_default="1.0, or the package's",
        rich_help_panel=_SEARCH,
    ),
]
HotWords: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--hotword",
        metavar="WORD",
        callback=_each_word,
        help="A word to favour. Repeat for several.",
        show_default=False,
        rich_help_panel=_SEARCH,
    ),
]
BatchSeconds: TypeAlias = Annotated[
    float,
    typer.Option(
        min=1.0,
        metavar="S",
        callback=finite,
        help="Seconds of audio, padding included, that run together; more takes more memory.",
        rich_help_panel=_BATCHES,
    ),
]
WholeSeconds: TypeAlias = Annotated[
    float,
    typer.Option(
        min=0.0,
        metavar="S",
        callback=finite,
        help="A recording of up to S seconds runs at once, and the time for that grows with the "
        "square of its length; a longer one, of any length, runs in windows of 40 s.",
        rich_help_panel=_BATCHES,
    ),
]
