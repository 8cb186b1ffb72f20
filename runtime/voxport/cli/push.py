"""``voxport push``: a package to the Hugging Face Hub."""

from typing import Annotated

import typer

from voxport.cli.options import Package, not_empty
from voxport.cli.package_argument import choose_model
from voxport.cli.terminal import Messages, printable


def push(
    package: Package,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            callback=not_empty,
            help="owner/name, or owner/name@branch. It is made if it is not there.",
            show_default=False,
        ),
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository a private one.")
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option(
            "--licence",
            "--license",
            metavar="ID",
            help="Licence in the card's metadata, as the Hub writes it (cc-by-4.0).",
            show_default="the manifest's",
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Message of the commit.", show_default=False),
    ] = None,
) -> None:
    """Push a package to the Hugging Face Hub in one commit.

    \b
    Examples:
      voxport push build/base960h owner/base960h-voxport --private
      voxport push build/base960h owner/base960h-voxport@v2 --licence cc-by-4.0

    Every file is compared with the manifest's hash before anything is sent; files that the manifest
    does not list stay here, and those of an earlier push that this package lacks are removed. The
    card gets the Hub's metadata: licence, library, task, tags; results that `voxport evaluate`
    wrote into it are kept. A signed package is pushed byte for byte. HF_TOKEN or `hf auth login`
    gives the right to write. Needs pip install "voxport[hub]".
    """
    from voxport import hub

    pushed = hub.push(
        choose_model(package).package,
        name,
        is_private=private,
        licence=licence,
        message=message,
        say=Messages().note,
    )
    typer.echo(printable(pushed.url))
