"""The command: ``python -m benchmarks``, from the repository's root."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import machine, report, soak, workspace
from benchmarks.peers import OTHERS, TORCHAUDIO, own
from benchmarks.session import LOADS, QUICK, STARTS, Load, Results, Session

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Output = Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the results.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of every peer.")]


@app.command("run")
def run(
    output: Output,
    peers: Annotated[
        str | None, typer.Option(help="Names, with commas between; eager torchaudio comes along.")
    ] = None,
    package: Annotated[
        Path | None, typer.Option(help="A package of the base model instead of a fresh export.")
    ] = None,
    providers: Annotated[str, typer.Option(help="Where voxport runs, with commas.")] = "cpu",
    threads: Threads = 2,
    quick: Annotated[bool, typer.Option(help="Short clips and few runs, to try it.")] = False,
    workloads: Annotated[
        str | None, typer.Option(help='Some of them only, with commas: "10 s,8 x 1 s,mixed".')
    ] = None,
    python: Annotated[
        list[str], typer.Option(metavar="PEER=PATH", help="Another interpreter for a peer.")
    ] = [],  # noqa: B006
    space: Annotated[Path, typer.Option(help="Where models are kept.")] = Path("build/benchmarks"),
) -> None:
    """Measure voxport and its peers side by side; what is there already is not measured again."""
    space = space.absolute()
    workspace.put_weights(space)
    package = (package or workspace.export_package(space)).absolute()
    chosen = [*OTHERS, *own(package, tuple(providers.split(",")))]
    if peers is not None:
        wanted = {TORCHAUDIO, *peers.split(",")}
        chosen = [peer for peer in chosen if peer.name in wanted]
    others = dict(pair.split("=", 1) for pair in python)
    chosen = [replace(peer, python=others.get(peer.name, peer.python)) for peer in chosen]
    results = Results(output)
    results.add("machine", command=shlex.join(_command()), **machine.describe(threads))
    for peer in chosen:
        results.add("peer", peer=peer.name, title=peer.title, own=peer.is_own)
    loads, starts = (QUICK, 1) if quick else (LOADS, STARTS)
    if workloads is not None:
        loads = _named(loads, workloads.split(","))
    Session(results, space, chosen, threads).measure(loads, starts)
    report.write(output)


def _named(loads: Sequence[Load], names: Sequence[str]) -> list[Load]:
    """Pick workloads by name."""
    if unknown := set(names) - {load.name for load in loads}:
        known = ", ".join(load.name for load in loads)
        raise typer.BadParameter(f"expected some of {known}, got {', '.join(sorted(unknown))}")
    return [load for load in loads if load.name in names]


def _command() -> list[str]:
    """What was typed, without a path of this machine."""
    words = [re.sub(r"(^|=)/\S*/", r"\1", word) for word in sys.argv[1:]]
    return ["python", "-m", "benchmarks", *words]


app.command("soak")(soak.soak)


@app.command("report")
def show(output: Output) -> None:
    """Write the tables and the plots of a folder of results again."""
    report.write(output)


if __name__ == "__main__":
    app()
