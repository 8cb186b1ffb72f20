"""Routes of the service, in the shapes of OpenAI's API. The module to know Starlette's routing."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, BinaryIO

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from voxport.errors import VoxportError
from voxport.package.manifest import TRANSCRIPTION
from voxport.serving import answers, metrics, openapi
from voxport.serving.api_keys import ApiKeys
from voxport.serving.form import (
    TranscriptionForm,
    parse_alignment,
    parse_classification,
    parse_transcription,
    read_form,
)
from voxport.serving.http_errors import HttpError, to_http
from voxport.serving.labeler import Labeler
from voxport.serving.metrics import Metrics
from voxport.serving.middleware import LOGGER, Application, Gate, Trace
from voxport.serving.realtime import RealtimeSession
from voxport.serving.request import Request
from voxport.serving.scheduler import GoneError
from voxport.serving.service import Model, Service
from voxport.serving.transcriber import Transcriber
from voxport.transcript.transcript import Transcript

_POLICY, _TRY_LATER = 1008, 1013  # codes of a WebSocket's end

_Handler = Callable[[HttpRequest], Awaitable[Response]]


def build_application(
    service: Service, keys: ApiKeys, figures: Metrics, trace: Trace | None = None
) -> Application:
    """Build the ASGI application of a service."""
    routes = _Routes(service, figures)
    table: list[tuple[str, str, _Handler]] = [
        ("POST", "/v1/audio/transcriptions", _with_room(service, routes.transcriptions)),
        ("POST", "/v1/audio/alignments", _with_room(service, routes.alignments)),
        ("POST", "/v1/audio/classifications", _with_room(service, routes.classifications)),
        ("GET", "/v1/models", routes.models),
        ("GET", "/v1/models/{model:path}", routes.model),
        ("GET", "/health", routes.health),
        ("GET", "/ready", routes.ready),
        ("GET", "/metrics", routes.metrics),
        ("GET", "/openapi.json", routes.openapi),
        ("GET", "/docs", routes.docs),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        ready = asyncio.ensure_future(service.become_ready())
        try:
            yield
        finally:
            service.stop()
            await ready
            await asyncio.get_running_loop().run_in_executor(None, service.close)

    application = Starlette(
        routes=[
            *(
                Route(path, _answering(path, handler), methods=[method])
                for method, path, handler in table
            ),
            WebSocketRoute("/v1/realtime", partial(_talk, service)),
        ],
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
    )
    return Gate(application, keys, service.settings, figures.count_request, trace)


class _Routes:
    """Handlers of all routes."""

    def __init__(self, service: Service, figures: Metrics) -> None:
        self._service, self._figures = service, figures
        self._checks: set[asyncio.Future[None]] = set()  # the loop itself forgets what runs
        names = {name: model.task for name, model in service.models.items()}
        self._document = openapi.document(names)

    async def transcriptions(self, request: HttpRequest) -> Response:
        """Transcribe a file."""
        async with read_form(request) as data:
            form = parse_transcription(data)
            model = self._service.transcriber(form.model)
            headers = {"X-Voxport-Ignored": ", ".join(form.ignored)} if form.ignored else {}
            if form.is_stream:
                events = self._events(request, model, form)
                first = await anext(events)  # an error has a status of its own
                lines = _server_sent(first, events)
                return StreamingResponse(lines, headers=headers, media_type="text/event-stream")
            work = model.scheduled.transcribe
            transcript = await self._answer(request, model, form.file, work)
        return _transcription(form, transcript, model, headers)

    async def alignments(self, request: HttpRequest) -> Response:
        """Find the times of a text's words."""
        async with read_form(request) as data:
            form = parse_alignment(data)
            model = self._service.transcriber(form.model)

            def align(audio: Any, asked: Request) -> Any:
                return model.scheduled.align(audio, form.text, asked)

            aligned = await self._answer(request, model, form.file, align)
        return JSONResponse(answers.as_alignment(aligned))

    async def classifications(self, request: HttpRequest) -> Response:
        """Find the labels of a recording."""
        async with read_form(request) as data:
            form = parse_classification(data)
            model = self._service.labeler(form.model)

            def classify(audio: Any, asked: Request) -> Any:
                return model.scheduled.classify(audio, form.top_k, asked)

            found = await self._answer(request, model, form.file, classify)
        return JSONResponse(answers.as_classification(found))

    async def models(self, _: HttpRequest) -> Response:
        """List the models."""
        data = [_model(model) for model in self._service.models.values()]
        return JSONResponse({"object": "list", "data": data})

    async def model(self, request: HttpRequest) -> Response:
        """Describe one model."""
        return JSONResponse(_model(self._service.model(request.path_params["model"])))

    async def health(self, _: HttpRequest) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: HttpRequest) -> Response:
        """Say whether requests should be sent here."""
        if self._service.is_failing:
            self._checks.add(check := asyncio.ensure_future(self._service.become_ready()))
            check.add_done_callback(self._checks.discard)
        if problem := self._service.problem:
            return JSONResponse({"status": "not ready", "reason": problem}, 503)
        return JSONResponse({"status": "ready"})

    async def metrics(self, _: HttpRequest) -> Response:
        """Give the figures."""
        return Response(self._figures.render(), media_type=metrics.CONTENT_TYPE)

    async def openapi(self, _: HttpRequest) -> Response:
        """Give the description of the routes."""
        return JSONResponse(self._document)

    async def docs(self, _: HttpRequest) -> Response:
        """Give the description as a page."""
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        page = openapi.page(self._document)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def _answer(
        self,
        request: HttpRequest,
        model: Model[Transcriber | Labeler],
        file: BinaryIO,
        work: Callable[[Any, Request], Any],
    ) -> Any:
        """Run a model's work on an upload, until it is done or the client has gone."""
        request.scope["voxport"]["model"] = model.name
        asked = self._service.new_request()
        run = partial(self._work_on_upload, model, file, work, asked)
        try:
            return await self._service.run(model, asked, run, partial(_client_gone, request))
        finally:
            _tell(request, asked)

    def _work_on_upload(
        self,
        model: Model[Transcriber | Labeler],
        file: BinaryIO,
        work: Callable[[Any, Request], Any],
        asked: Request,
    ) -> Any:
        """Open an upload, in the thread of its request, and work on it."""
        return work(self._service.open_upload(file, model), asked)

    async def _events(
        self, request: HttpRequest, model: Model[Transcriber], form: TranscriptionForm
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the events of a transcript as its text becomes final."""
        request.scope["voxport"]["model"] = model.name
        loop = asyncio.get_running_loop()
        deltas: asyncio.Queue[str | None] = asyncio.Queue()
        asked = self._service.new_request(
            lambda text: loop.call_soon_threadsafe(deltas.put_nowait, text) and None
        )
        work = model.scheduled.transcribe
        run = partial(self._work_on_upload, model, form.file, work, asked)
        running = asyncio.ensure_future(self._service.run(model, asked, run, asyncio.Event().wait))
        running.add_done_callback(lambda _: deltas.put_nowait(None))
        try:
            while (text := await deltas.get()) is not None:
                yield answers.delta_event(text)
            transcript = await running
            yield answers.done_event(transcript, logprobs=form.is_with_logprobs)
        finally:
            _tell(request, asked)
            running.cancel()


async def _talk(service: Service, socket: WebSocket) -> None:
    """Hold a realtime connection until either side ends it."""
    models = service.models.values()
    first = next((one.name for one in models if one.task == TRANSCRIPTION), "")
    await socket.accept()
    try:
        with service.room():
            session = RealtimeSession(
                lambda name: service.transcriber(name).scheduled.loaded,
                service.scheduler,
                socket.send_json,
                socket.query_params.get("model", first),
            )
            await session.open()
            try:
                while True:
                    await session.receive(await socket.receive_text())
            finally:
                session.close()
    except (WebSocketDisconnect, KeyError):  # KeyError: bytes in place of text
        return
    except (HttpError, VoxportError) as error:
        refusal = to_http(error)
        await socket.send_json({"type": "error", "event_id": "", **refusal.body})
        await socket.close(_TRY_LATER if refusal.status in (429, 503) else _POLICY)


def _tell(request: HttpRequest, asked: Request) -> None:
    """Tell the log and the trace about a request's audio."""
    facts = request.scope["voxport"]
    facts["audio_seconds"] = round(asked.audio_seconds, 3)
    facts["marks_ns"] = asked.marks_ns


async def _server_sent(
    first: dict[str, Any],
    events: AsyncGenerator[dict[str, Any], None],
) -> AsyncIterator[str]:
    """Yield events as lines; an error on the way is the last of them."""
    try:
        yield _line(first)
        async for event in events:
            yield _line(event)
    except VoxportError as error:
        yield _line(to_http(error).body)
    finally:
        await events.aclose()


def _line(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event)}\n\n"


def _transcription(
    form: TranscriptionForm,
    transcript: Transcript,
    model: Model[Transcriber],
    headers: dict[str, str],
) -> Response:
    if form.response_format == "json":
        content = answers.as_json(transcript, logprobs=form.is_with_logprobs)
    elif form.response_format == "verbose_json":
        pieces = model.scheduled.loaded.manifest.model.pieces
        content = answers.as_verbose_json(transcript, pieces, form.granularities)
    else:
        text = answers.as_text(transcript, form.response_format)
        return PlainTextResponse(text, headers=headers)
    return JSONResponse(content, headers=headers)


def _model(model: Model[Transcriber | Labeler]) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "voxport",
        "task": model.task,
    }


async def _client_gone(request: HttpRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _with_room(service: Service, handler: _Handler) -> _Handler:
    """Return a handler that holds a place of the service while it works."""

    async def answer(request: HttpRequest) -> Response:
        with service.room():
            return await handler(request)

    return answer


def _answering(path: str, handler: _Handler) -> _Handler:
    """Return a handler whose errors are answers, too."""

    async def answer(request: HttpRequest) -> Response:
        request.scope["voxport"]["route"] = path
        try:
            return await handler(request)
        except HttpError as error:
            await request.scope["voxport"]["drain"]()
            return _respond(error)
        except VoxportError as error:
            await request.scope["voxport"]["drain"]()
            refusal = to_http(error)
            if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                _log_failure(request, error)
            return _respond(refusal)
        except ClientDisconnect:
            return _respond(to_http(GoneError()))
        except Exception as error:
            LOGGER.log(logging.ERROR, "defect", exc_info=error)
            return _respond(to_http(error))

    return answer


def _log_failure(request: HttpRequest, error: VoxportError) -> None:
    """Log the kinds of a failure and its cause; their texts may hold what was said."""
    cause = error.__cause__
    facts = {
        "request_id": request.scope["voxport"]["request_id"],
        "model": request.scope["voxport"].get("model"),
        "error": type(error).__name__,
        "cause": type(cause).__name__ if cause else None,
    }
    LOGGER.error("failed", extra={"facts": facts})


async def _refuse(_: HttpRequest, error: Exception) -> Response:
    """Answer a path or a method that is not there."""
    assert isinstance(error, HTTPException)
    refusal = HttpError(error.status_code, error.detail.lower(), headers=dict(error.headers or {}))
    return _respond(refusal)


def _respond(error: HttpError) -> Response:
    return JSONResponse(error.body, error.status, error.headers)
