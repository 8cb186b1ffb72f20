"""Measure a server: ``python -m benchmarks.serving MEASUREMENT OUT``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import machine
from benchmarks.serving import measurements, page
from voxport.machine.threads import default_thread_count

app = typer.Typer(add_completion=False, no_args_is_help=True)

Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the results.")]
Package = Annotated[str, typer.Option(help="A folder or a shipped model.")]
Server = Annotated[str, typer.Option(help="Options of voxport serve, in one text.")]


@app.command()
def throughput(
    out: Out,
    package: Package = "commands",
    server: Server = "",
    seconds: Annotated[float, typer.Option(help="Of audio, for each row.")] = 3000.0,
    clients: Annotated[str, typer.Option(help="Numbers of clients.")] = "1,8,64",
) -> None:
    """Compare a server at saturation with voxport transcribe."""
    counts = [int(text) for text in clients.split(",")]
    found = measurements.measure_throughput(package, server.split(), seconds, counts)
    _save(out, "throughput", package, found)


@app.command()
def saturation(
    out: Out,
    package: Package = "commands",
    server: Server = "",
    shares: Annotated[str, typer.Option(help="Of the throughput.")] = "0.25,0.5,0.75,0.9,1,1.2",
    seconds: Annotated[float, typer.Option(help="For each share.")] = 45.0,
) -> None:
    """Offer rates up to more than the server can do."""
    parts = [float(text) for text in shares.split(",")]
    found = measurements.measure_saturation(package, server.split(), parts, seconds)
    _save(out, "saturation", package, found)


@app.command()
def latency(
    out: Out,
    package: Package = "commands",
    server: Server = "",
    allowance: Annotated[float, typer.Option(help="Seconds beyond the clip's own.")] = 0.3,
    seconds: Annotated[float, typer.Option(help="Of arrivals.")] = 240.0,
    share: Annotated[float, typer.Option(help="Of the throughput.")] = 0.5,
) -> None:
    """Offer half of the throughput while an hour's upload is in progress."""
    found = measurements.measure_latency(package, server.split(), allowance, seconds, share)
    _save(out, "latency", package, found)


@app.command()
def memory(
    out: Out,
    package: Package = "commands",
    server: Server = "",
    minutes: Annotated[float, typer.Option(help="Of load.")] = 9.0,
    share: Annotated[float, typer.Option(help="Of the throughput.")] = 0.5,
) -> None:
    """Follow the server's memory under a mixed load."""
    found = measurements.measure_memory(package, server.split(), minutes, share)
    _save(out, "memory", package, found)


def _save(out: Path, measurement: str, package: str, found: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    name = Path(package).name
    result = {
        "measurement": measurement,
        "package": name,
        "command": "python -m benchmarks.serving " + " ".join(sys.argv[1:2]),
        "machine": machine.describe(default_thread_count() or 1),
        "found": found,
    }
    path = out / f"serving-{measurement}-{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    typer.echo(json.dumps({key: value for key, value in found.items() if key != "readings"}))
    typer.echo(page.write(out).read_text("utf-8"))


if __name__ == "__main__":
    app()
