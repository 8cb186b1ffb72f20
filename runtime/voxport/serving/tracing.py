"""Traces of requests for OpenTelemetry. The only module to know it.

Imports it where the environment configures an exporter (``OTEL_EXPORTER_OTLP_ENDPOINT``). A trace
holds facts about a request, as the log does: no audio, text or key.
"""

from collections.abc import Mapping
from typing import Any

from voxport import __version__
from voxport.errors import MissingDependencyError
from voxport.serving.middleware import Exchanged, Trace

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROPAGATED = (b"traceparent", b"tracestate")
_MIN_FAILURE = 500


def start_tracing(environment: Mapping[str, str]) -> Trace | None:
    """Return what traces a request, or None where no exporter is configured.

    Raises:
        MissingDependencyError: one is configured, and OpenTelemetry is not installed.
    """
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_disabled or not any(environment.get(name) for name in _ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        install = 'pip install "voxport[otel]"'
        message = f"{_ENDPOINTS[0]} is set, and traces need OpenTelemetry: {install}"
        raise MissingDependencyError(message) from None
    name = environment.get("OTEL_SERVICE_NAME", "voxport")
    resource = Resource.create({"service.name": name, "service.version": __version__})
    provider = TracerProvider(resource=resource)  # it ends with the process
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return make_trace(provider)


def make_trace(provider: Any) -> Trace:
    """Return what traces a request with a provider of OpenTelemetry's."""
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

    tracer = provider.get_tracer("voxport", __version__)

    def trace(done: Exchanged) -> str:
        carrier = {
            name.decode(): done.headers[name] for name in _PROPAGATED if name in done.headers
        }
        span = tracer.start_span(
            f"{done.method} {done.route}",
            extract(carrier),
            SpanKind.SERVER,
            {
                "http.request.method": done.method,
                "http.route": done.route,
                "http.response.status_code": done.status,
                **{f"voxport.{name}": value for name, value in done.facts.items() if value},
            },
            start_time=done.start_ns,
        )
        if done.status >= _MIN_FAILURE:
            span.set_status(Status(StatusCode.ERROR))
        inside, begin = set_span_in_context(span), done.start_ns
        for step, end in sorted(done.marks_ns.items(), key=lambda mark: mark[1]):
            tracer.start_span(step, inside, start_time=begin).end(end)
            begin = end
        span.end(done.end_ns)
        return f"{span.get_span_context().trace_id:032x}"

    return trace
