"""``voxport plot``: a picture of what a model hears in a recording."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxport.cli.options import Artifact, Package, Provider, finite, not_empty

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voxport.pictures.canvas import Excerpt
    from voxport.recognizer import Recognizer
    from voxport.transcript.transcript import Transcript


def plot(
    package: Package,
    audio: Annotated[
        str,
        typer.Argument(
            metavar="AUDIO",
            callback=not_empty,
            help="An audio file: wav, flac, ogg, opus, mp3, aiff …",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A .png, .svg or .pdf.", show_default=False
        ),
    ],
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
            help="Show the part to this second. A picture holds 20 seconds at the most.",
            show_default="the recording's end",
        ),
    ] = None,
    artifact: Artifact = None,
    provider: Provider = "auto",
) -> None:
    """Draw what a model hears: waveform, emission, tokens and words over one time axis.

    Only the part that is shown is run.

    \b
    Examples:
      voxport plot commands yes.wav -o yes.png
      voxport plot build/base960h talk.mp3 --start 12.5 --end 20 -o talk.png
      voxport plot build/wavlm speech.flac --features -o layers.png
    """
    from voxport.pictures import canvas

    canvas.check_format(output)
    canvas.matplotlib_figure()  # say that it is missing before a model is run
    draw = _draw_features if features else _draw_emission
    canvas.save(draw(package, audio, (start, end), artifact, provider), output)
    typer.echo(str(output))


def _draw_emission(
    package: str, audio: str, part: tuple[float, float | None], artifact: str | None, provider: str
) -> Any:
    from voxport import loading
    from voxport.pictures import recognition

    recognizer = loading.load(package, provider, artifact)
    model = recognizer.manifest.model
    excerpt = _excerpt(audio, part, model.sample_rate)
    emission, transcript = _heard(recognizer, excerpt)
    return recognition.draw(excerpt, emission, transcript, model)


def _draw_features(
    package: str, audio: str, part: tuple[float, float | None], artifact: str | None, provider: str
) -> Any:
    from voxport import loading
    from voxport.package.find import find_package
    from voxport.package.read_manifest import read_manifest
    from voxport.pictures import layers

    model = read_manifest(find_package(package)).model
    excerpt = _excerpt(audio, part, model.sample_rate)
    if not model.transcribes:
        extractor = loading.load_features(package, provider, artifact)
        return layers.draw(excerpt, extractor.features(excerpt.waveform), model)
    recognizer = loading.load(package, provider, artifact)
    features = recognizer.features(excerpt.waveform)
    return layers.draw(excerpt, features, model, _heard(recognizer, excerpt)[1].words)


def _heard(
    recognizer: "Recognizer", excerpt: "Excerpt"
) -> "tuple[NDArray[np.float32], Transcript]":
    """The emission, and what it says."""
    from voxport.decoding import greedy
    from voxport.transcript.transcript import build_transcript

    model = recognizer.manifest.model
    emission = recognizer.emission(excerpt.waveform)
    path = greedy.decode(emission, model.blank)
    return emission, build_transcript(path, excerpt.seconds, model)


def _excerpt(audio: str, part: tuple[float, float | None], rate: int) -> "Excerpt":
    """The part of a recording between two seconds, if a picture can hold it."""
    from voxport.audio.recording import read_clip
    from voxport.errors import AudioError
    from voxport.pictures.canvas import MOST_SECONDS, Excerpt

    clip = read_clip(audio, rate)
    start, end = part[0], clip.seconds if part[1] is None else min(part[1], clip.seconds)
    if start >= end:
        raise AudioError(
            f"there is nothing from {start:g} s to {end:g} s: it is {clip.seconds:.2f} s long",
            audio,
        )
    if end - start > MOST_SECONDS:
        raise AudioError(
            f"{end - start:.0f} s are too long for one picture to be read: choose at most "
            f"{MOST_SECONDS:g} s of its {clip.seconds:.0f} with --start and --end",
            audio,
        )
    waveform = clip.waveform[int(start * rate) : int(end * rate) or None]
    return Excerpt(Path(audio).name, waveform, rate, start)
