"""Options that several subcommands share."""

from enum import Enum
from typing import Annotated, TypeAlias

import typer


class Kind(str, Enum):
    """The kinds of artifact."""

    onnx = "onnx"
    torchscript = "torchscript"


def _provider(value: str) -> str:
    """A wrong name is wrong usage; one that is known may still not run here."""
    from voxport.errors import InputError
    from voxport.providers import full_name

    try:
        full_name(value)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    return value


Package: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PACKAGE",
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
        callback=_provider,
        help="Where to run: auto (CUDA if it works here, else the CPU), cpu, cuda, tensorrt, "
        "openvino … What is asked for and not there is an error.",
    ),
]
