"""A server's life: packages loaded, threads chosen, requests answered until it is told to stop.

Knows uvicorn and the parts of the service; parses no command.
"""

import contextlib
import ctypes
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import uvicorn

from voxport.backends.isolation import Isolation
from voxport.errors import InputError
from voxport.loading import load, load_classifier
from voxport.machine.threads import default_thread_count
from voxport.package.find import find_package
from voxport.package.manifest import CLASSIFICATION, GoldenAnswer, GoldenClip
from voxport.package.read_manifest import read_manifest
from voxport.recognizer import Recognizer
from voxport.serving.api_keys import ApiKeys
from voxport.serving.application import build_application
from voxport.serving.decoders import Decoders
from voxport.serving.http_protocol import TimedProtocol
from voxport.serving.log import start_logging
from voxport.serving.measure import Plan, candidate_plans, choose_plan
from voxport.serving.metrics import Metrics
from voxport.serving.middleware import Application, Trace
from voxport.serving.scheduler import Scheduler
from voxport.serving.service import Service
from voxport.serving.settings import Settings
from voxport.serving.tracing import start_tracing
from voxport.tasks.classifier import Classifier
from voxport.verification.golden_files import read_waveform

Loaded: TypeAlias = Recognizer | Classifier

# A server's engine is watched more closely than a command's: a batch that hangs keeps its worker,
# and a model slower than real time serves nobody. A process that ends is started again, always.
_LIMITS = Isolation(run_seconds=20.0, run_seconds_per_second=2.0, most_failures=None)
_BACKLOG = 128
_KEEP_ALIVE_S = 30
_HEADER_BYTES = 16 << 10
_MESSAGE_BYTES = 16 << 20  # of a realtime connection


@dataclass(frozen=True)
class ServedPackage:
    """A package to serve, under a name."""

    name: str
    package: str  # a folder or a shipped model's name
    artifact: str | None = None
    precision: str | None = None


@dataclass(frozen=True)
class ServerOptions:
    """All that a server is told."""

    host: str = "127.0.0.1"
    port: int = 8000
    provider: str = "auto"
    workers: int | None = None  # None: measured
    threads: int | None = None
    batch_seconds: float = 30.0
    longest_wait: float = 0.0
    settings: Settings = field(default_factory=Settings)
    is_isolated: bool = True  # each worker has a process with the engine in it


def serve(
    packages: Sequence[ServedPackage],
    options: ServerOptions,
    keys: ApiKeys,
    note: Callable[[str], None],
) -> None:
    """Serve packages until SIGTERM or SIGINT; what was accepted is answered first.

    Args:
        packages: at least one; each under a name of its own.
        options: the address, the workers and the limits.
        keys: API keys; none: every request is allowed.
        note: prints a line for the person who starts it.
    """
    service, application = build(packages, options, keys, note, start_tracing(os.environ))
    listen(application, service.stop, options, note)


def listen(
    application: Application,
    stop: Callable[[], None],
    options: ServerOptions,
    note: Callable[[str], None],
) -> None:
    """Answer requests with an application until SIGTERM or SIGINT.

    Args:
        application: answers a request.
        stop: called with the signal: from then on the application refuses what is new.
        options: the address and the limits.
        note: prints a line for the person who starts it.
    """
    start_logging()
    TimedProtocol.header_seconds = options.settings.header_seconds
    config = uvicorn.Config(
        application,
        http=TimedProtocol,
        ws="auto",  # of the package websockets
        ws_max_size=_MESSAGE_BYTES,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        limit_concurrency=options.settings.connections,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(options.settings.stop_seconds),
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )
    server = _Server(config, stop)
    with _listen(options.host, options.port) as listener:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        note(f"listening on http://{shown}:{port} (documentation: /docs)")
        # uvicorn raises the signal again once it has stopped: that is no failure here.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore)
        server.run(sockets=[listener])


def build(
    packages: Sequence[ServedPackage],
    options: ServerOptions,
    keys: ApiKeys,
    note: Callable[[str], None],
    trace: Trace | None = None,
) -> tuple[Service, Application]:
    """Load packages and build the application that serves them."""
    names = [package.name for package in packages]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"two packages have the name {twice!r}: give one as NAME=PACKAGE")
    plan, loaded = _load_all(packages, options, note)
    figures = Metrics()
    rate = max(item.manifest.model.sample_rate for item in loaded.values())
    scheduler = Scheduler(
        max(1, int(options.batch_seconds * rate)),
        plan.workers,
        options.settings.queue_seconds,
        options.longest_wait,
        figures.count_batch,
    )
    if plan.speed:
        scheduler.speed = plan.speed
    figures.watch(scheduler)
    folders = {package.name: find_package(package.package) for package in packages}

    def check() -> str | None:
        return find_problem(loaded, folders)

    decoders = Decoders(audio_seconds=options.settings.audio_seconds)
    service = Service(loaded, scheduler, options.settings, decoders, check)
    return service, build_application(service, keys, figures, trace)


def find_problem(loaded: Mapping[str, Loaded], folders: Mapping[str, Path]) -> str | None:
    """Return what is wrong with the answers to the packages' own recordings, or None."""
    for name, one in loaded.items():
        rate = one.manifest.model.sample_rate
        for clip, expected in _golden_answers(one):
            waveform = read_waveform(folders[name], clip, rate)
            if isinstance(one, Classifier):
                found = one.classify(waveform, top_k=1).label
            else:
                found = one.transcribe(waveform).text
            if found != expected and one.artifact.precision == "fp32":
                return f"{name} answers its own recording {clip.path} wrongly"
    return None


def _golden_answers(loaded: Loaded) -> list[tuple[GoldenClip | GoldenAnswer, str | None]]:
    """Return the package's first recording with its answer, if it has one."""
    manifest = loaded.manifest
    if manifest.head is not None:
        return [(clip, clip.label) for clip in manifest.head.golden[:1]]
    return [(clip, clip.transcript) for clip in manifest.golden[:1]]


def _load_all(
    packages: Sequence[ServedPackage], options: ServerOptions, note: Callable[[str], None]
) -> tuple[Plan, dict[str, Loaded]]:
    first = packages[0]
    kept: dict[int, Loaded] = {}

    def load_first(plan: Plan) -> Loaded:
        kept[plan.threads] = _load(first, options, plan)
        return kept[plan.threads]

    cores = default_thread_count() or 1
    plan, measured = choose_plan(_plans(options, cores), load_first)
    for item in measured:
        if item.speed is not None:
            note(f"measured {first.name} with {item}")
    note(f"{plan.workers} workers with {plan.threads} threads each (--workers, --threads)")
    loaded = {first.name: kept.get(plan.threads) or load_first(plan)}
    kept.clear()
    for package in packages[1:]:
        loaded[package.name] = _load(package, options, plan)
    _return_memory()
    for name, one in loaded.items():
        note(f"serving {name}: {one!r}")
    return plan, loaded


def _plans(options: ServerOptions, cores: int) -> list[Plan]:
    if options.workers is not None:
        return [Plan(options.workers, options.threads or max(1, cores // options.workers))]
    if options.threads is not None:
        return [Plan(max(1, cores // options.threads), options.threads)]
    if options.provider not in ("auto", "cpu"):
        return [Plan(1, cores)]  # one batch fills a device
    return candidate_plans(cores)


def _load(package: ServedPackage, options: ServerOptions, plan: Plan) -> Loaded:
    task = read_manifest(find_package(package.package)).model.task
    open_package = load_classifier if task == CLASSIFICATION else load
    limits = replace(_LIMITS, processes=plan.workers)
    return open_package(
        package.package,
        options.provider,
        package.artifact,
        package.precision,
        plan.threads,
        batch_seconds=options.batch_seconds,
        isolate=limits if options.is_isolated else False,
    )


def _return_memory() -> None:
    """Give back what the measurement's other sessions took."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot listen on {host} port {port}: {reason} (--port)") from None


def _ignore(_number: int, _frame: object) -> None:
    """Handle a signal by nothing."""


class _Server(uvicorn.Server):
    """uvicorn's server; a signal makes the application refuse requests at once."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop: no new requests, and an end once the accepted ones are answered."""
        self._stop()
        super().handle_exit(sig, frame)
