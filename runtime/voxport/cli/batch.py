"""``voxport batch``: many recordings into Parquet or JSONL, on one machine or a cluster."""

import sys
from typing import Annotated

import typer

from voxport.cli.options import (
    Artifact,
    Language,
    Precision,
    Provider,
    Quiet,
    Threads,
    not_empty,
    one_of,
)
from voxport.cli.package_argument import ENVIRONMENT, choose_model
from voxport.cli.terminal import Messages, StatusLine, printable

_FORMATS = ("parquet", "jsonl")  # as voxport.batch.store has them; the help loads no numpy


def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            callback=not_empty,
            help="A folder, a pattern in quotes ('calls/*.flac'), or a manifest (.jsonl, .csv, "
            ".parquet) with a column path, or bytes in Parquet, and id, start and end if wanted. "
            "Addresses work too: s3://bucket/calls.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT",
            callback=not_empty,
            help="The folder of the results, or its address.",
            show_default=False,
        ),
    ],
    package: Annotated[
        str,
        typer.Option(
            "--package",
            "-m",
            metavar="PACKAGE",
            callback=not_empty,
            envvar=ENVIRONMENT,
            show_envvar=False,
            help="The package, as in `voxport transcribe`; the default is the shipped model.",
        ),
    ] = "commands",
    form: Annotated[
        str,
        typer.Option("--format", metavar="[parquet|jsonl]", callback=one_of(_FORMATS)),
    ] = "parquet",
    rows: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Recordings of a partition, which is written whole."),
    ] = 200,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes here, or actors of the cluster, with a recognizer each.",
            show_default="1 here, all CPUs but one of a cluster",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run on a Ray cluster: auto, ray://HOST:10001, or local for one of this run. "
            'Needs pip install "voxport[ray]".',
            show_default=False,
        ),
    ] = None,
    cpus: Annotated[
        float, typer.Option(min=0.1, metavar="N", help="CPUs of a worker on the cluster.")
    ] = 1.0,
    gpus: Annotated[
        float,
        typer.Option(min=0.0, metavar="N", help="GPUs of a worker: 0.25 lets four share one."),
    ] = 0.0,
    provider: Provider = "auto",
    artifact: Artifact = None,
    precision: Precision = None,
    threads: Threads = None,
    language: Language = None,
    quiet: Quiet = False,
) -> None:
    """Transcribe any number of recordings into Parquet or JSONL.

    \b
    Examples:
      voxport batch calls/ texts/ --package build/base960h --workers 4 --threads 1
      voxport batch calls.parquet s3://b/texts --package owner/base960h-voxport

    A row a recording: id, text, duration, words, model (its hash), options, error, error_kind. A
    recording that fails is a row with its error, and the job goes on. Recordings of like length
    share a partition, whatever their folders; partitions are written whole or not at all, so the
    same command after an interruption does only what is left. Long recordings are divided into
    windows over the workers and joined again; texts are those of `voxport transcribe`.
    Needs pip install "voxport[batch]".

    \b
    More:
      voxport batch s3://b/calls s3://b/texts --address ray://a:10001 --gpus 0.25
    """
    from voxport.batch.run import Cluster, run_batch
    from voxport.batch.worker import WorkerSettings

    messages = Messages(quiet)
    model = choose_model(package, artifact, precision, quiet)
    settings = WorkerSettings(
        model.package,
        output,
        form,
        provider,
        model.artifact,
        model.precision,
        threads,
        language,
    )
    line = StatusLine(sys.stderr, is_shown=not quiet)

    def show(done: int, total: int, audio_seconds: float) -> None:
        line.show(f"{done} of {total} recordings, {audio_seconds / 3600:.2f} h of audio")

    try:
        found = run_batch(source, settings, Cluster(workers, address, cpus, gpus), rows, show)
    except KeyboardInterrupt:
        line.clear()
        messages.note("stopped; the same command goes on")
        raise
    finally:
        line.clear()
    messages.note(
        f"{found.rows} recordings written, {found.kept} there already: "
        f"{found.audio_seconds / 3600:.3f} h of audio in {found.wall_seconds:.1f} s"
        + (f", real-time factor {found.real_time_factor:.4f}" if found.audio_seconds else "")
    )
    for kind, count in sorted(found.failures.items()):
        messages.note(f"{count} failed: {printable(kind)}")
