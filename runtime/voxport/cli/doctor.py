"""``voxport doctor``: the report of ``voxport.doctor`` as a table or as JSON."""

import json
from dataclasses import asdict
from itertools import groupby
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from voxport.doctor import DoctorReport

_NOTE = " " * 19  # under the second column


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what works on this machine, and how to get more.

    \b
    Examples:
      voxport doctor
      voxport doctor --json | jq .providers

    Each execution provider runs a tiny model; a failing one is listed with the reason and
    the remedy. The exit code is 1 if all fail.
    """
    from voxport.doctor import examine

    report = examine()
    if as_json:
        typer.echo(json.dumps(asdict(report), ensure_ascii=False))
    else:
        _print(report)
    if not any(provider.works for provider in report.providers):
        raise typer.Exit(1)


def _print(report: "DoctorReport") -> None:
    typer.echo("versions")
    for name, version in report.versions.items():
        typer.echo(f"  {name:16} {version or 'not installed'}")
    typer.echo(f"\nGPU\n  {report.gpu}")
    typer.echo("\nproviders")
    for (works, reason), providers in groupby(report.providers, lambda x: (x.works, x.reason)):
        names = [provider.name for provider in providers]
        verdict = "work" if works else "do not work"
        if len(names) == 1:
            verdict = "works" if works else "does not work"
        typer.echo(f"  {', '.join(names):16} {verdict}")
        if reason:
            typer.echo(fill(reason, 79, initial_indent=_NOTE, subsequent_indent=_NOTE))
    typer.echo("\nshipped models")
    typer.echo(f"  {', '.join(report.models) or 'none'}")
