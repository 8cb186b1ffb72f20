"""``voxport plot``: a picture of a recording and the model's answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxport.cli.options import (
    OUTPUT_PANEL,
    Artifact,
    Isolate,
    Package,
    Precision,
    Provider,
    Quiet,
    finite,
    not_empty,
)
from voxport.cli.package_argument import ModelChoice, choose_model, split_package
from voxport.cli.terminal import Messages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voxport.pictures.canvas import Page
    from voxport.pictures.excerpt import Excerpt
    from voxport.recognizer import Recognizer
    from voxport.transcript.transcript import Transcript


@dataclass(frozen=True)
class _PlotRequest:
    """The requested picture."""

    model: ModelChoice
    provider: str
    audio: str
    start: float  # seconds
    end: float | None
    page: "Page"
    messages: Messages
    isolate: bool


def plot(
    package: Package,
    audio: Annotated[
        str | None,
        typer.Argument(
            metavar="AUDIO",
            callback=not_empty,
            help="An audio file: wav, flac, ogg, opus, mp3, aiff …",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .png, .svg or .pdf.",
            show_default=False,
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    features: Annotated[
        bool,
        typer.Option(
            "--features",
            help="Show the transformer's layers instead of the emission; for packages that were "
            "exported with --features.",
        ),
    ] = False,
    start: Annotated[
        float,
        typer.Option(min=0.0, metavar="S", callback=finite, help="Show the part from this second."),
    ] = 0.0,
    end: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            metavar="S",
            callback=finite,
            help="Show the part to this second; a picture holds 120 seconds, one of layers 20.",
            show_default="as much as it holds, or the recording's end",
        ),
    ] = None,
    dpi: Annotated[
        int,
        typer.Option(
            min=30, max=600, metavar="N", help="Dots an inch.", rich_help_panel=OUTPUT_PANEL
        ),
    ] = 110,
    width: Annotated[
        float | None,
        typer.Option(
            min=4.0,
            max=100.0,
            metavar="INCHES",
            callback=finite,
            help="Width of the picture.",
            show_default="1.8 inches a second; 20 when folded",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    no_title: Annotated[
        bool,
        typer.Option("--no-title", help="Leave out the title.", rich_help_panel=OUTPUT_PANEL),
    ] = False,
    artifact: Artifact = None,
    precision: Precision = None,
    provider: Provider = "auto",
    isolate: Isolate = False,
    quiet: Quiet = False,
) -> None:
    """Draw a recording: waveform, emission, tokens and words over one time axis.

    \b
    Examples:
      voxport plot commands yes.wav -o yes.png
      voxport plot build/base960h talk.mp3 --start 12.5 --end 20 -o talk.png

    Only the part shown runs through the model. Labels absent from it have no row. More than 20 s
    are folded into strips of 10 s below each other; of a longer recording than a picture holds, the
    beginning is shown.

    \b
    More:
      voxport plot build/wavlm speech.flac --features -o layers.png
    """
    package, given = split_package([package, audio], "plot")
    if not given:
        raise typer.BadParameter("no AUDIO is given: voxport plot PACKAGE AUDIO -o FILE")
    if output is None:
        raise typer.BadParameter("no file is given: --output FILE, a .png, .svg or .pdf")
    from voxport.pictures import canvas

    canvas.check_format(output)
    canvas.matplotlib_figure()  # say that it is missing before a model is run
    page = canvas.Page(dpi, width, has_title=not no_title)
    model = choose_model(package, artifact, precision, quiet)
    request = _PlotRequest(model, provider, given[0], start, end, page, Messages(quiet), isolate)
    draw = _draw_features if features else _draw_emission
    canvas.save(draw(request), output)
    typer.echo(str(output))


def _draw_emission(request: _PlotRequest) -> Any:
    from voxport.pictures import recognition
    from voxport.pictures.excerpt import MAX_FOLDED_SECONDS

    recognizer = _load(request)
    model = recognizer.manifest.model
    excerpt = _read(request, model.sample_rate, MAX_FOLDED_SECONDS)
    emission, transcript = _decode_excerpt(recognizer, excerpt)
    return recognition.draw(excerpt, emission, transcript, model, request.page)


def _draw_features(request: _PlotRequest) -> Any:
    from voxport import loading
    from voxport.package.find import find_package
    from voxport.package.read_manifest import read_manifest
    from voxport.pictures import layers
    from voxport.pictures.excerpt import MAX_SECONDS

    choice = request.model
    model = read_manifest(find_package(choice.package)).model
    excerpt = _read(request, model.sample_rate, MAX_SECONDS)
    if not model.transcribes:
        extractor = loading.load_features(
            choice.package,
            request.provider,
            choice.artifact,
            choice.precision,
            isolate=request.isolate,
        )
        return layers.draw(excerpt, extractor.features(excerpt.waveform), model, (), request.page)
    recognizer = _load(request)
    features = recognizer.features(excerpt.waveform)
    words = _decode_excerpt(recognizer, excerpt)[1].words
    return layers.draw(excerpt, features, model, words, request.page)


def _load(request: _PlotRequest) -> "Recognizer":
    from voxport import loading

    choice = request.model
    return loading.load(
        choice.package,
        request.provider,
        choice.artifact,
        choice.precision,
        isolate=request.isolate,
    )


def _read(request: _PlotRequest, rate: int, most: float) -> "Excerpt":
    from voxport.pictures.excerpt import read_excerpt

    excerpt = read_excerpt(request.audio, request.start, request.end, rate, most)
    if excerpt.is_cut:
        request.messages.note(
            f"{request.audio}: {excerpt.start:g} to {excerpt.end:g} s are shown; choose another "
            "part with --start and --end"
        )
    return excerpt


def _decode_excerpt(
    recognizer: "Recognizer", excerpt: "Excerpt"
) -> "tuple[NDArray[np.float32], Transcript]":
    """Return the emission and its transcript."""
    from voxport.decoding import greedy
    from voxport.transcript.transcript import build_transcript

    model = recognizer.manifest.model
    emission = recognizer.emission(excerpt.waveform)
    path = greedy.decode(emission, model.blank)
    return emission, build_transcript(path, excerpt.seconds, model)
