"""``voxport benchmark``: the report of ``voxport.benchmark.package`` as a table or as JSON."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxport.cli.options import (
    MODEL_PANEL,
    Artifacts,
    Package,
    Precisions,
    Quiet,
    provider_name,
    recordings,
)
from voxport.cli.package_argument import choose_model, split_package
from voxport.cli.terminal import Messages
from voxport.machine.threads import MOST_THREADS

if TYPE_CHECKING:
    from voxport.benchmark.package import BenchmarkReport, Result

_LINE = "{:18} {:8} {:>3} {:>6} {:>7} {:>7} {:>5} {:>5} {:>7} {:>5}"  # 80 columns
_SLOWER = 1.1  # a batch's real-time factor by that of single clips, from which it is explained


def _each_provider(values: Any) -> Any:
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
    artifact: Artifacts = [],  # noqa: B006
    precision: Precisions = [],  # noqa: B006
    provider: Annotated[
        list[str],
        typer.Option(
            "--provider",
            "-p",
            metavar="NAME",
            callback=_each_provider,
            help="Measure on these: cpu, cuda, tensorrt, openvino …",
            show_default="auto",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = ["auto"],  # noqa: B006
    threads: Annotated[
        list[int],
        typer.Option(
            min=1,
            max=MOST_THREADS,
            metavar="N",
            help="Measure with these numbers of CPU threads.",
            show_default="the backend's own choice",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = [],  # noqa: B006
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="Clips in a batch.")] = 8,
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Passes that are counted.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast a package is on this machine.

    \b
    Examples:
      voxport benchmark commands
      voxport benchmark build/base960h recordings/ --threads 1 --threads 2

    Every artifact, on every provider, with every requested number of threads (repeat
    --artifact, --precision, --provider, --threads) runs in a process of its own. They take turns
    over the same clips, after a warm-up: each clip alone, then in batches of like length, the
    longest of a batch at most 1.25 times its shortest, as `transcribe` makes them on a CPU. A
    combination unable to run is named on stderr, the rest is measured all the same, and the exit
    code is 1 (TorchScript, a program that can read and write your files, is measured only where
    --artifact names it).

    \b
    start     seconds from starting a process to its first transcript
    RTF best  seconds spent per second of audio: the median pass, the best pass
    p50 p95   milliseconds for a clip, over the clips
    batch     RTF in batches
    MB        memory of the whole process at the most
    """
    from voxport.benchmark.package import BenchmarkPlan
    from voxport.benchmark.package import benchmark as measure

    package, given = split_package([package, *map(str, audio or [])], "benchmark")
    model = choose_model(package, is_quiet=quiet)
    plan = BenchmarkPlan(
        kinds=model.kinds(artifact),
        precisions=model.precisions(precision),
        providers=tuple(dict.fromkeys(provider)),
        threads=tuple(dict.fromkeys(threads)) or (None,),
        audio=tuple(recordings([Path(name) for name in given])),
        batch=batch,
        runs=runs,
    )
    report = measure(model.package, plan)
    if as_json:
        typer.echo(json.dumps(_for_machines(report), ensure_ascii=False))
    else:
        _print(report, plan.batch)
    _print_failures(report, Messages(quiet))
    if report.failures or not report.results:
        raise typer.Exit(1)


def _print(report: "BenchmarkReport", batch: int) -> None:
    audio = f"{report.clips} clips, {report.audio_seconds:.0f} s of audio"
    typer.echo(f"{audio}; alone, then {batch} together\n")
    if report.results:
        head = ("artifact", "provider", "thr", "start", "RTF", "best", "p50", "p95", "batch", "MB")
        typer.echo(_LINE.format(*head).rstrip())
    for result in report.results:
        typer.echo(_row(result))
    if explanation := explain_batches(report):
        typer.echo(f"\n{explanation}")


def _print_failures(report: "BenchmarkReport", messages: Messages) -> None:
    for failure in report.failures:
        variant = f"{failure.variant} cannot be measured: " if failure.variant else ""
        messages.error(f"{variant}{failure.reason}")
    for skipped in report.skipped:
        messages.note(f"{skipped.variant}: skipped: {skipped.reason}")


def explain_batches(report: "BenchmarkReport") -> str | None:
    """Explain, by their padding, batches slower than single clips."""
    ratios = [result.batched.rtf / result.alone.rtf for result in report.results]
    if not ratios or max(ratios) < _SLOWER:
        return None
    padding = report.padded_seconds / report.audio_seconds
    slower = f"Batches took up to {max(ratios):.1f} times as long as single clips."
    if padding < _SLOWER:
        return f"{slower}\nA clip alone keeps this processor busy already: --batch-seconds 1."
    return (
        f"{slower} Clips of a batch are padded\nto its longest, which made "
        f"{report.padded_seconds:.0f} s out of {report.audio_seconds:.0f} s here ({padding:.1f} "
        "times). --batch-seconds 1\nruns each alone."
    )


def _row(result: "Result") -> str:
    variant, alone = result.variant, result.alone
    row = _LINE.format(
        variant.artifact,
        _short_name(result.runs_on),
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


def _short_name(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider").lower()


def _for_machines(report: "BenchmarkReport") -> dict[str, Any]:
    """Return the report with the real-time factors, and without the transcripts."""
    content = asdict(report)
    for shown, result in zip(content["results"], report.results, strict=True):
        for name, timing in (("alone", result.alone), ("batched", result.batched)):
            shown[name] |= {"rtf": timing.rtf, "best_rtf": timing.best_rtf}
            del shown[name]["texts"]
    return content
