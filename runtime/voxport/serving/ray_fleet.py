"""Fleet on Ray Serve: each replica is the whole service; their number follows the queued audio.

The only module to know Ray. The front stays in the process that starts it, the replicas are
wherever Ray has room. Knows how replicas are made and reached; no HTTP.
"""

import asyncio
import math
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import uvicorn
from uvicorn.lifespan.on import LifespanOn

from voxport.serving.api_keys import ApiKeys
from voxport.serving.front import ForwardedRequest, LostError
from voxport.serving.middleware import Message
from voxport.serving.run import ServedPackage, ServerOptions, build
from voxport.serving.settings import Settings

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import: it tells nobody of us

# Optional, and partly without types.
ray: Any = import_module("ray")
exceptions: Any = import_module("ray.exceptions")
serve: Any = import_module("ray.serve")

_QUEUED = "queued_audio_seconds"
_NAME = "voxport"
_LOST: tuple[type[Exception], ...] = (
    exceptions.RayActorError,
    exceptions.ActorUnavailableError,
    exceptions.NodeDiedError,
    exceptions.WorkerCrashedError,
    exceptions.ObjectLostError,
)


@dataclass(frozen=True)
class FleetOptions:
    """All that a fleet is told beside what each of its servers is."""

    address: str | None = None  # of a running Ray; None: one is started in this process
    min_replicas: int = 1
    max_replicas: int = 4
    queued_seconds: float = 20.0  # of audio, for each replica: more of it makes more replicas


class Replica:
    """A service in an actor."""

    async def __init__(self, packages: Sequence[ServedPackage], options: ServerOptions) -> None:
        def build_service() -> Any:
            return build(packages, options, ApiKeys([]), lambda _line: None)

        self._service, self._application = await asyncio.to_thread(build_service)
        config = uvicorn.Config(self._application, lifespan="on", log_config=None)
        self._lifespan = LifespanOn(config)
        await self._lifespan.startup()

    async def ask(self, request: ForwardedRequest) -> AsyncGenerator[Message, None]:
        """Yield the ASGI messages of a request's answer."""
        messages: asyncio.Queue[Message | None] = asyncio.Queue()
        parts = [{"type": "http.request", "body": request.body, "more_body": False}]

        async def receive() -> Message:
            if parts:
                return parts.pop()
            await asyncio.Event().wait()  # the client's end comes as a cancellation
            raise AssertionError

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": request.query,
            "root_path": "",
            "scheme": "http",
            "headers": request.headers,
            "client": None,
            "server": None,
        }
        running: asyncio.Future[None] = asyncio.ensure_future(
            self._application(scope, receive, messages.put)
        )
        running.add_done_callback(lambda _: messages.put_nowait(None))
        try:
            while (message := await messages.get()) is not None:
                yield message
            await running
        finally:
            running.cancel()

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Return the figures that the number of replicas follows."""
        return {_QUEUED: self._service.scheduler.queued_seconds}

    def __del__(self) -> None:
        """Answer what was accepted, as far as Ray waits for it."""
        if hasattr(self, "_service"):
            self._service.close()


class RayReplicas:
    """Replicas behind a handle of Ray Serve."""

    def __init__(self, handle: Any) -> None:
        self._ask = handle.options(method_name="ask", stream=True)

    async def ask(self, request: ForwardedRequest) -> AsyncGenerator[Message, None]:
        """Yield the ASGI messages of a request's answer; raise ``LostError`` with a replica."""
        answer = self._ask.remote(request)
        try:
            async for message in answer:
                yield message
        except _LOST as error:
            raise LostError from error
        finally:
            answer.cancel()


class QueuePolicy:
    """Number of replicas by the audio that waits in all of them."""

    def __init__(self, queued_seconds: float) -> None:
        self._queued_seconds = queued_seconds  # for each replica

    def __call__(self, context: Any) -> tuple[int, dict[str, Any]]:
        """Return the number, and a state that is not used."""
        figures: dict[str, dict[Any, float]] = context.aggregated_metrics or {}
        queued = sum(figures.get(_QUEUED, {}).values())
        return choose_replicas(queued, context.target_num_replicas, self._queued_seconds), {}


def start_fleet(
    packages: Sequence[ServedPackage],
    options: ServerOptions,
    fleet: FleetOptions,
    note: Callable[[str], None],
) -> RayReplicas:
    """Start the replicas on a running Ray, or on one of this process; blocks until there is one."""
    if not ray.is_initialized():
        ray.init(
            address=fleet.address,
            include_dashboard=False if fleet.address is None else None,
            log_to_driver=False,
            namespace=_NAME,
        )
    serve.start(proxy_location="Disabled")  # the front is the way in
    handle = serve.run(make_application(packages, options, fleet), name=_NAME, route_prefix=None)
    note(f"{fleet.min_replicas} to {fleet.max_replicas} replicas on Ray")
    return RayReplicas(handle)


def stop_fleet(*, is_own: bool) -> None:
    """End the replicas, and Ray if it was started here."""
    serve.delete(_NAME)
    if is_own:
        serve.shutdown()
        ray.shutdown()


def make_application(
    packages: Sequence[ServedPackage], options: ServerOptions, fleet: FleetOptions
) -> Any:
    """Return the application for ``ray.serve.run``."""
    workers, threads = options.workers or 1, options.threads or 1
    own = replace(options, workers=workers, threads=threads)
    settings: Settings = options.settings
    deployment = serve.deployment(
        Replica,
        name="Voxport",
        max_ongoing_requests=settings.requests,
        graceful_shutdown_timeout_s=settings.stop_seconds,
        health_check_period_s=2,
        health_check_timeout_s=10,
        ray_actor_options={"num_cpus": workers * threads},
        autoscaling_config={
            "min_replicas": fleet.min_replicas,
            "max_replicas": fleet.max_replicas,
            "initial_replicas": fleet.min_replicas,
            "metrics_interval_s": 1.0,
            "look_back_period_s": 5.0,
            "upscale_delay_s": 2.0,
            "downscale_delay_s": 120.0,
            "policy": {
                "policy_function": f"{__name__}:QueuePolicy",
                "policy_kwargs": {"queued_seconds": fleet.queued_seconds},
            },
        },
    )
    return deployment.bind(list(packages), own)


def choose_replicas(queued_seconds: float, replicas: int, target_seconds: float) -> int:
    """Return how many replicas a queue needs: one for each share of it, and one less at a time."""
    needed = math.ceil(queued_seconds / target_seconds)
    return max(needed, replicas - 1, 1)
