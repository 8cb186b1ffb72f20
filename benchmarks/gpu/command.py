"""The command ``python -m benchmarks gpu``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import machine
from benchmarks.gpu import page
from benchmarks.gpu.stages import STAGES, Run, run_stage
from benchmarks.gpu.target import target_of
from benchmarks.session import Results
from voxport.machine import cuda

_THREADS = 0  # every engine's own choice


def gpu(
    output: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the results.")],
    stage: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"One of {', '.join(STAGES)}; repeat for several."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="Measure these instead of the base and large model."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="The most that one stage takes.")] = 8,
    dry: Annotated[bool, typer.Option(help="Run every stage, small, on the CPU.")] = False,
    space: Annotated[Path, typer.Option(help="Folder of the models.")] = Path("build/gpu"),
) -> None:
    """Measure a GPU: tests, parity, speed, profiles. The same command goes on where it stopped."""
    chosen = stage or list(STAGES)
    if unknown := sorted(set(chosen) - set(STAGES)):
        raise typer.BadParameter(
            f"expected some of {', '.join(STAGES)}; got {', '.join(unknown)}", param_hint="--stage"
        )
    if not dry and (reason := cuda.unavailable_reason()):
        print(f"{reason}; --dry runs every stage on the CPU", file=sys.stderr)
        raise typer.Exit(1)
    target = target_of(dry)
    if model:
        target = replace(target, models=tuple(model))
    run = Run(target, dry, space.absolute(), Results(output))
    run.results.add("machine", job="", **machine.describe(_THREADS), gpu=machine.describe_gpu())
    for name in chosen:
        left = run_stage(run, name, minutes * 60)
        page.write(output)
        if left:
            print(f"{name}: left: {', '.join(left)}; the same command goes on", file=sys.stderr)
