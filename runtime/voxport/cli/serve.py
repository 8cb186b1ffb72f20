"""``voxport serve``: a server with OpenAI's API for audio."""

import os
from pathlib import Path
from typing import Annotated

import typer

from voxport.cli.options import Provider, Quiet, Threads, not_empty
from voxport.cli.package_argument import choose_model
from voxport.cli.terminal import Messages
from voxport.errors import MissingDependencyError

_LIMITS, _FLEET = "Limits", "Fleet"


def serve(
    packages: Annotated[
        list[str],
        typer.Argument(
            metavar="PACKAGE…",
            callback=not_empty,
            help="Packages, as in `voxport transcribe`. Requests name one by its folder's name, or "
            "as NAME=PACKAGE says.",
            show_default=False,
        ),
    ],
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen on; 0.0.0.0: all.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0: a free one.")] = 8000,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            metavar="N",
            help="Batches that run at the same time.",
            show_default="measured at start",
        ),
    ] = None,
    threads: Threads = None,
    provider: Provider = "auto",
    batch_seconds: Annotated[
        float,
        typer.Option(min=0.1, max=3600, metavar="S", help="Audio in a batch, padding included."),
    ] = 30.0,
    longest_wait: Annotated[
        float,
        typer.Option(
            min=0,
            max=10,
            metavar="S",
            help="The time that a clip waits for company in its batch; useful on a GPU.",
        ),
    ] = 0.0,
    api_keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="API keys, a line each: NAME:KEY or NAME:KEY:REQUESTS_PER_MINUTE. The variable "
            "VOXPORT_API_KEYS holds the same, separated by commas. Without keys, anybody may ask.",
            show_default=False,
        ),
    ] = None,
    upload_megabytes: Annotated[
        float,
        typer.Option(min=0.001, metavar="MB", help="A request's size.", rich_help_panel=_LIMITS),
    ] = 200.0,
    audio_seconds: Annotated[
        float,
        typer.Option(min=0.1, metavar="S", help="A recording's length.", rich_help_panel=_LIMITS),
    ] = 14_400.0,
    answer_seconds: Annotated[
        float,
        typer.Option(min=0.1, metavar="S", help="The time for an answer.", rich_help_panel=_LIMITS),
    ] = 3600.0,
    queue_seconds: Annotated[
        float,
        typer.Option(
            min=0.1,
            metavar="S",
            help="Audio that may wait; more is refused with 429.",
            rich_help_panel=_LIMITS,
        ),
    ] = 600.0,
    body_seconds: Annotated[
        float,
        typer.Option(
            min=0.1,
            metavar="S",
            help="The time for a request's body, and a second more for each 20 kB.",
            rich_help_panel=_LIMITS,
        ),
    ] = 30.0,
    header_seconds: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="S", help="The time for a request's header.", rich_help_panel=_LIMITS
        ),
    ] = 10.0,
    stop_seconds: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="S",
            help="The time for what was accepted, after SIGTERM.",
            rich_help_panel=_LIMITS,
        ),
    ] = 300.0,
    isolate: Annotated[
        bool,
        typer.Option(
            help="Run each worker's engine in a process of its own, with limits of time and "
            "memory: one that hangs or crashes is started again.",
        ),
    ] = True,
    ray: Annotated[
        bool,
        typer.Option(
            "--ray",
            help="Serve from replicas on Ray, on one machine or many; needs voxport[ray]. "
            "--workers and --threads are those of each replica, 1 by default.",
            rich_help_panel=_FLEET,
        ),
    ] = False,
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A running Ray: auto, or ray://HOST:PORT.",
            show_default="one is started here",
            rich_help_panel=_FLEET,
        ),
    ] = None,
    min_replicas: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", rich_help_panel=_FLEET)
    ] = 1,
    max_replicas: Annotated[
        int,
        typer.Option(
            min=1,
            max=10_000,
            metavar="N",
            help="There are more where more audio waits.",
            rich_help_panel=_FLEET,
        ),
    ] = 4,
    quiet: Quiet = False,
) -> None:
    """Serve packages with OpenAI's API for audio, until SIGTERM or Ctrl-C.

    \b
    Examples:
      voxport serve commands
      voxport serve build/base960h en=build/large --api-keys keys.txt

    Clips of all requests, and the windows of long recordings, run in batches: an answer never
    depends on them. Needs pip install "voxport[serve]".
    """
    try:
        from voxport.serving.run import ServedPackage, ServerOptions
        from voxport.serving.run import serve as run_server
    except ModuleNotFoundError as error:
        install = 'pip install "voxport[serve]"'
        raise MissingDependencyError(f"voxport serve needs {error.name}: {install}") from None
    from voxport.serving.api_keys import ENVIRONMENT as KEYS
    from voxport.serving.api_keys import read_keys
    from voxport.serving.settings import MEGABYTE, Settings

    settings = Settings(
        upload_bytes=int(upload_megabytes * MEGABYTE),
        audio_seconds=audio_seconds,
        answer_seconds=answer_seconds,
        queue_seconds=queue_seconds,
        body_seconds=body_seconds,
        header_seconds=header_seconds,
        stop_seconds=stop_seconds,
    )
    options = ServerOptions(
        host, port, provider, workers, threads, batch_seconds, longest_wait, settings, isolate
    )
    served: list[ServedPackage] = []
    for given in packages:
        name, package = _split_name(given)
        choice = choose_model(package)
        name = name or _default_name(package, choice.package)
        served.append(ServedPackage(name, choice.package, choice.artifact, choice.precision))
    keys = read_keys(api_keys, os.environ.get(KEYS))
    messages = Messages(quiet)
    if not len(keys) and host not in ("127.0.0.1", "::1", "localhost"):
        messages.warn(f"without API keys, anybody who reaches {host} may ask (--api-keys)")
    if not ray:
        run_server(served, options, keys, messages.note)
        return
    try:
        from voxport.serving.ray_fleet import FleetOptions
        from voxport.serving.run_fleet import serve_fleet
    except ModuleNotFoundError as error:
        install = 'pip install "voxport[serve,ray]"'
        raise MissingDependencyError(f"--ray needs {error.name}: {install}") from None
    fleet = FleetOptions(ray_address, min_replicas, max(min_replicas, max_replicas))
    serve_fleet(served, options, fleet, keys, messages.note)


def _default_name(given: str, folder: str) -> str:
    """Name a package by its repository on the Hub, or by its folder."""
    from voxport.package.hub_names import is_hub_name, parse_hub_name

    on_hub = parse_hub_name(given) if is_hub_name(given) else None
    return str(on_hub) if on_hub else Path(folder).resolve().name


def _split_name(given: str) -> tuple[str, str]:
    """Split NAME=PACKAGE; a folder with = in its name is a package."""
    name, is_named, package = given.partition("=")
    if not is_named or Path(given).exists():
        return "", given
    return name, package
