"""Options that several subcommands share."""

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from voxport.machine.threads import MOST_THREADS
from voxport.package.manifest import KINDS


def one_of(names: Collection[str]) -> Callable[[str | None], str | None]:
    """A callback that refuses every value but these."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in names:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}")
        return value

    return check


def each_of(names: Collection[str]) -> Callable[[list[str]], list[str]]:
    """The same for an option that may be repeated."""
    check_one = one_of(names)

    def check(values: list[str]) -> list[str]:
        for value in values:
            check_one(value)
        return values

    return check


def not_empty(value: str | None) -> str | None:
    """A callback that refuses the empty string, which pathlib takes for the current folder."""
    if value == "":
        raise typer.BadParameter("the name is empty")
    return value


def finite(value: float | None) -> float | None:
    """A callback that refuses inf and nan, which are floats too."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def recordings(audio: Collection[Path]) -> list[Path]:
    """The audio files that FILE_OR_DIR means; folders are searched."""
    from voxport.audio.files import audio_files

    found = [file for path in audio for file in audio_files(path)]
    if audio and not found:
        raise typer.BadParameter(f"no audio files in {', '.join(map(str, audio))}")
    return found


def provider_name(value: str) -> str:
    """A callback: a wrong name is wrong usage; one that is known may still not run here."""
    from voxport.backends.providers import full_name
    from voxport.errors import InputError

    try:
        full_name(value)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    return value


Package: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PACKAGE",
        callback=not_empty,
        help="A folder that `voxport export` wrote, or the name of a shipped model (commands).",
        show_default=False,
    ),
]
Provider: TypeAlias = Annotated[
    str,
    typer.Option(
        "--provider",
        "-p",
        metavar="NAME",
        callback=provider_name,
        help="Where to run: auto (CUDA if it works here, else the CPU), cpu, cuda, tensorrt, "
        "openvino … What is asked for and not there is an error.",
    ),
]
Artifact: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar=f"[{'|'.join(KINDS)}]",
        callback=one_of(KINDS),
        help="Which artifact of the package to run.",
        show_default="ONNX if there",
    ),
]
Precision: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="fp32 or another that the package has.", show_default="fp32"),
]
Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_THREADS,
        metavar="N",
        help="CPU threads.",
        show_default="the backend's own choice",
    ),
]
