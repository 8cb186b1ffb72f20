"""The command ``python -m benchmarks``, run from the repository's root."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import machine, report, soak, workspace
from benchmarks.gpu import command as gpu_command
from benchmarks.peers import OTHERS, TORCHAUDIO, Peer, package_peers
from benchmarks.session import (
    COLD_STARTS,
    QUICK_WORKLOADS,
    WORKLOADS,
    Results,
    Session,
    WorkloadSpec,
)

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_OWN_PREFIX = "voxport "  # of the names of a package's artifacts

Output = Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the results.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of every peer.")]


@app.command("run")
def run(
    output: Output,
    peers: Annotated[
        str | None,
        typer.Option(help="Names separated by commas; eager torchaudio is always added."),
    ] = None,
    package: Annotated[
        Path | None, typer.Option(help="A package of the base model; default: export one.")
    ] = None,
    providers: Annotated[
        str, typer.Option(help="Execution providers of voxport, separated by commas.")
    ] = "cpu",
    threads: Threads = 2,
    quick: Annotated[bool, typer.Option(help="Short clips and few runs, for a trial.")] = False,
    workloads: Annotated[
        str | None,
        typer.Option(help='Names separated by commas: "10 s,8 x 1 s,mixed"; default: all.'),
    ] = None,
    python: Annotated[
        list[str], typer.Option(metavar="PEER=PATH", help="Python interpreter of a peer.")
    ] = [],  # noqa: B006
    space: Annotated[Path, typer.Option(help="Folder of the models.")] = Path("build/benchmarks"),
) -> None:
    """Measure voxport and its peers side by side; measurements in OUT are not repeated."""
    starts = 1 if quick else COLD_STARTS
    specs = _select_workloads(QUICK_WORKLOADS if quick else WORKLOADS, workloads)
    interpreters = _parse_interpreters(python)
    names = None if peers is None else {TORCHAUDIO, *peers.split(",")}
    # Artifacts of a fresh export have names only after minutes of exporting: all others fail now.
    asked = {*interpreters, *(names or ())}
    known = list(OTHERS) if package is None else [*OTHERS, *_package_peers(package, providers)]
    _check_peers(known, (n for n in asked if package or not n.startswith(_OWN_PREFIX)))
    space = space.absolute()
    workspace.put_weights(space)
    package = package or workspace.export_package(space)
    chosen = [*OTHERS, *_package_peers(package, providers)]
    _check_peers(chosen, asked)
    if names is not None:
        chosen = [peer for peer in chosen if peer.name in names]
    chosen = [replace(peer, python=interpreters.get(peer.name, peer.python)) for peer in chosen]
    results = Results(output)
    results.add("machine", command=shlex.join(_command()), **machine.describe(threads))
    for peer in chosen:
        results.add("peer", peer=peer.name, title=peer.title, own=peer.is_own)
    Session(results, space, chosen, threads).measure(specs, starts)
    report.write(output)


def _package_peers(package: Path, providers: str) -> list[Peer]:
    return package_peers(package.absolute(), tuple(providers.split(",")))


def _select_workloads(specs: Sequence[WorkloadSpec], names: str | None) -> list[WorkloadSpec]:
    """Select workloads by their names, separated by commas; all if there are none."""
    wanted = {spec.name for spec in specs} if names is None else set(names.split(","))
    _refuse_unknown("--workloads", wanted, [spec.name for spec in specs])
    return [spec for spec in specs if spec.name in wanted]


def _check_peers(peers: Sequence[Peer], names: Iterable[str]) -> None:
    _refuse_unknown("--peers, --python", names, [peer.name for peer in peers])


def _refuse_unknown(option: str, names: Iterable[str], known: Sequence[str]) -> None:
    """Raise typer.BadParameter for names that are not known."""
    if unknown := sorted(set(names) - set(known)):
        raise typer.BadParameter(
            f"expected some of {', '.join(known)}; got {', '.join(unknown)}", param_hint=option
        )


def _parse_interpreters(pairs: Sequence[str]) -> dict[str, str]:
    """Parse ``PEER=PATH`` pairs."""
    for pair in pairs:
        name, separator, path = pair.partition("=")
        if not (name and separator and path):
            raise typer.BadParameter(f"expected PEER=PATH, got {pair}", param_hint="--python")
    return dict(pair.split("=", 1) for pair in pairs)


def _command() -> list[str]:
    """Return the command line as typed, without absolute paths."""
    words = [re.sub(r"(^|=)/\S*/", r"\1", word) for word in sys.argv[1:]]
    return ["python", "-m", "benchmarks", *words]


app.command("soak")(soak.soak)
app.command("gpu")(gpu_command.gpu)


@app.command("report")
def show(output: Output) -> None:
    """Write the tables and plots of OUT again."""
    report.write(output)


if __name__ == "__main__":
    app()
