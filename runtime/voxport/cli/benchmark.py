"""``voxport benchmark``: the report of ``voxport.benchmark.package`` as a table or as JSON."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxport.cli.options import Package, each_of, provider_name, recordings
from voxport.machine.threads import MOST_THREADS
from voxport.package.manifest import KINDS

if TYPE_CHECKING:
    from voxport.benchmark.package import Report, Result

_LINE = "{:18} {:8} {:>3} {:>6} {:>7} {:>7} {:>5} {:>5} {:>7} {:>5}"  # 80 columns


def _providers(values: list[str]) -> list[str]:
    return [provider_name(value) for value in values]


def benchmark(
    package: Package,
    audio: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[AUDIO]...",
            help="Recordings to measure with, or folders of them.",
            show_default="noise of 1 to 20 s",
        ),
    ] = None,
    artifact: Annotated[
        list[str],
        typer.Option(metavar=f"[{'|'.join(KINDS)}]", callback=each_of(KINDS), show_default="all"),
    ] = [],  # noqa: B006
    precision: Annotated[list[str], typer.Option(metavar="NAME", show_default="all")] = [],  # noqa: B006
    provider: Annotated[
        list[str],
        typer.Option("--provider", "-p", metavar="NAME", callback=_providers),
    ] = ["auto"],  # noqa: B006
    threads: Annotated[
        list[int],
        typer.Option(min=1, max=MOST_THREADS, metavar="N", show_default="the backend's own choice"),
    ] = [],  # noqa: B006
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="Clips in a batch.")] = 8,
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Passes that are counted.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Measure how fast a package is on this machine.

    Every artifact, on every provider, with every number of threads that is asked for (repeat
    --artifact, --precision, --provider, --threads) runs in a process of its own. They take turns
    over the same clips, after a warm-up: each clip alone, then in batches of like length. What
    cannot run is named on stderr, the rest is measured all the same, and the exit code is 1
    (TorchScript is left out, unless --artifact names it, where torch is not installed or does not
    run on the provider).

    \b
    start     seconds from starting a process to its first transcript
    RTF best  seconds spent per second of audio: the median pass, the best pass
    p50 p95   milliseconds for a clip, over the clips
    batch     RTF in batches
    MB        memory of the whole process at the most
    \b
    Examples:
      voxport benchmark commands
      voxport benchmark build/base960h recordings/ --threads 1 --threads 2
      voxport benchmark build/base960h -p cpu -p cuda --json
    """
    from voxport.benchmark.package import Plan
    from voxport.benchmark.package import benchmark as measure

    plan = Plan(
        kinds=tuple(artifact),
        precisions=tuple(precision),
        providers=tuple(dict.fromkeys(provider)),
        threads=tuple(dict.fromkeys(threads)) or (None,),
        audio=tuple(recordings(audio or [])),
        batch=batch,
        runs=runs,
    )
    report = measure(package, plan)
    if as_json:
        typer.echo(json.dumps(_for_machines(report), ensure_ascii=False))
    else:
        _print(report, plan.batch)
    if report.failures or not report.results:
        raise typer.Exit(1)


def _print(report: "Report", batch: int) -> None:
    audio = f"{report.clips} clips, {report.audio_seconds:.0f} s of audio"
    typer.echo(f"{audio}; alone, then {batch} together\n")
    if report.results:
        head = ("artifact", "provider", "thr", "start", "RTF", "best", "p50", "p95", "batch", "MB")
        typer.echo(_LINE.format(*head).rstrip())
    for result in report.results:
        typer.echo(_row(result))
    for failure in report.failures:
        what = f"{failure.variant} cannot be measured: " if failure.variant else ""
        typer.echo(f"voxport: error: {what}{failure.reason}", err=True)
    for skipped in report.skipped:
        typer.echo(f"{skipped.variant}: skipped: {skipped.reason}", err=True)


def _row(result: "Result") -> str:
    variant, alone = result.variant, result.alone
    row = _LINE.format(
        variant.artifact,
        _short(result.runs_on),
        variant.threads or "-",
        f"{result.first_seconds:.2f}",
        f"{alone.rtf:.4f}",
        f"{alone.best_rtf:.4f}",
        f"{1000 * alone.latency_p50:.0f}",
        f"{1000 * alone.latency_p95:.0f}",
        f"{result.batched.rtf:.4f}",
        f"{alone.peak_bytes / 1e6:.0f}",
    )
    if result.same_texts == 1:
        return row
    return f"{row}\n  {result.same_texts:.1%} of transcripts as those of the first line"


def _short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider").lower()


def _for_machines(report: "Report") -> dict[str, Any]:
    """The report with the real-time factors, and without the transcripts."""
    content = asdict(report)
    for shown, result in zip(content["results"], report.results, strict=True):
        for name, timing in (("alone", result.alone), ("batched", result.batched)):
            shown[name] |= {"rtf": timing.rtf, "best_rtf": timing.best_rtf}
            del shown[name]["texts"]
    return content
