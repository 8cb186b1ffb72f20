"""``voxport pull``: a package from the Hugging Face Hub into the cache."""

from typing import Annotated

import typer

from voxport.cli.options import Artifact, Precision, not_empty
from voxport.cli.terminal import printable


def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            callback=not_empty,
            help="owner/name, or owner/name@revision: a branch, a tag or a commit.",
            show_default=False,
        ),
    ],
    artifact: Artifact = None,
    precision: Precision = None,
    whole: Annotated[
        bool,
        typer.Option("--all", help="Fetch every file of the package, not one artifact's."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Fetch again what is in the cache: a damaged file, say."),
    ] = False,
) -> None:
    """Fetch a package from the Hugging Face Hub and print its folder.

    \b
    Examples:
      voxport pull owner/base960h-voxport
      voxport pull owner/base960h-voxport@v1 --precision int8

    A name works wherever PACKAGE does, without `pull`: the files that are needed are fetched then.
    Pull beforehand what has to work without a network, or to hand the folder to another host (C++,
    Node). The manifest comes first, then the files of one artifact; each is compared with the
    manifest's hash, here and again whenever it is opened. The folder lies in the cache that all of
    huggingface_hub's users share (HF_HOME, HF_HUB_CACHE). HF_TOKEN opens private repositories,
    HF_ENDPOINT names another Hub, and HF_HUB_OFFLINE=1 uses the cache alone.
    Needs pip install "voxport[hub]".

    \b
    More:
      HF_HUB_OFFLINE=1 voxport transcribe owner/base960h-voxport talk.flac
    """
    from voxport import hub

    folder = hub.pull(name, artifact, precision, is_whole=whole, is_forced=force)
    typer.echo(printable(folder))
