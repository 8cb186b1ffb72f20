"""Routes without a socket: overload, clients that go, defects, and the log."""

import asyncio
import json
import logging
import sys

import pytest

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')

from support import fake_tasks, fakes
from support.serving import SAMPLES, ask
from voxport.recognizer import Recognizer
from voxport.serving.api_keys import ApiKeys, read_keys
from voxport.serving.application import build_application
from voxport.serving.metrics import Metrics
from voxport.serving.scheduler import Scheduler
from voxport.serving.service import Service
from voxport.serving.settings import Settings
from voxport.serving.tracing import make_trace, start_tracing
from voxport.tasks.classifier import Classifier

HEADERS = [("Content-Type", "multipart/form-data; boundary=x")]
PATH = "/v1/audio/transcriptions"


def body(model="fake", file=None, extra=None):
    fields = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (extra or {}).items()
    )
    content = (SAMPLES / "yes.flac").read_bytes() if file is None else file
    return (
        fields.encode()
        + b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
        + model.encode()
        + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )


class Defective(fakes.FakeBackend):
    def run(self, *args, **options):
        raise ValueError("secret words")


def build(workers=0, backend=None, keys="", trace=None, **settings):
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), backend or fakes.FakeBackend())
    classifier = Classifier(fake_tasks.manifest(), fakes.artifact(), fake_tasks.FakeTask())
    limits = Settings(**settings)
    scheduler = Scheduler(10**6, workers, limits.queue_seconds)
    service = Service({"fake": recognizer, "labels": classifier}, scheduler, limits)
    found = read_keys(None, keys) if keys else ApiKeys([])
    return service, build_application(service, found, Metrics(), trace)


async def post(application, **given):
    return await ask(application, PATH, body(), HEADERS, "POST", **given)


async def wait_for(condition):
    while not condition():
        await asyncio.sleep(0.01)


def run(test):
    asyncio.run(asyncio.wait_for(test, 30))


def test_audio_beyond_the_queue_is_refused_and_a_client_that_goes_makes_room():
    async def test():
        service, application = build(queue_seconds=0.9)
        is_gone = asyncio.Event()
        first = asyncio.ensure_future(post(application, after=is_gone.wait))
        await wait_for(lambda: service.scheduler.queued_seconds)
        second = await post(application)
        assert second.status == 429
        assert second.error["code"] == "server_overloaded"
        assert int(second.headers["retry-after"]) >= 1
        is_gone.set()
        assert (await first).status == 499
        assert service.scheduler.queued_seconds == 0
        third = asyncio.ensure_future(post(application, after=asyncio.Event().wait))
        await wait_for(lambda: service.scheduler.queued_seconds)
        while service.scheduler.run_next():
            pass
        assert (await third).status == 200
        service.close()

    run(test())


def test_more_requests_than_places_are_refused_before_their_body_is_read():
    async def test():
        service, application = build(requests=1)
        is_gone = asyncio.Event()
        first = asyncio.ensure_future(post(application, after=is_gone.wait))
        await wait_for(lambda: service.scheduler.queued_seconds)
        assert (await post(application)).error["message"] == "1 requests are worked on"
        is_gone.set()
        await first
        service.close()

    run(test())


def test_a_client_that_goes_within_its_body_is_no_defect(caplog):
    async def test():
        service, application = build()

        async def receive():
            return {"type": "http.disconnect"}

        scope_answers = []

        async def send(message):
            scope_answers.append(message)

        scope = {
            "type": "http", "method": "POST", "path": PATH, "query_string": b"", "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in HEADERS],
        }  # fmt: skip
        await application(scope, receive, send)
        assert scope_answers[0]["status"] == 499
        service.close()

    with caplog.at_level(logging.INFO):
        run(test())
    ours = [record for record in caplog.records if record.name == "voxport.serve"]
    assert [record.getMessage() for record in ours] == ["request"]


def test_a_recording_is_classified_with_its_best_labels():
    async def test():
        service, application = build(workers=1)
        path, gone = "/v1/audio/classifications", asyncio.Event().wait
        given = body("labels", extra={"top_k": "2"})
        answer = await ask(application, path, given, HEADERS, "POST", after=gone)
        assert answer.status == 200
        found = json.loads(answer.body)
        clip = service.labeler("labels").scheduled.loaded.classify(SAMPLES / "yes.flac", top_k=2)
        assert found["label"] == clip.label
        assert [item["label"] for item in found["scores"]] == [one.label for one in clip.scores]
        assert found["scores"][0]["score"] == pytest.approx(clip.score, abs=1e-4)
        assert found["duration"] == pytest.approx(clip.duration, abs=1e-4)
        service.close()

    run(test())


@pytest.mark.parametrize("top_k", ["0", "-1", "1.5", "x", "9" * 30, "²"])
def test_a_top_k_that_is_no_count_is_refused(top_k):
    async def test():
        service, application = build(workers=1)
        given = body("labels", extra={"top_k": top_k})
        answer = await ask(application, "/v1/audio/classifications", given, HEADERS, "POST")
        assert (answer.status, answer.error["param"]) == (400, "top_k")
        service.close()

    run(test())


@pytest.mark.parametrize(
    ("route", "model", "advice"),
    [
        ("transcriptions", "labels", "gives labels and no text"),
        ("alignments", "labels", "gives labels and no text"),
        ("classifications", "fake", "gives text and no labels"),
    ],
)
def test_a_model_of_another_task_is_refused_with_its_route(route, model, advice):
    async def test():
        service, application = build(workers=1)
        given = body(model, extra={"text": "yes"})
        answer = await ask(application, f"/v1/audio/{route}", given, HEADERS, "POST")
        assert (answer.status, answer.error["param"]) == (400, "model")
        assert advice in answer.error["message"]
        service.close()

    run(test())


def test_the_description_names_the_models_of_each_task():
    async def test():
        service, application = build()
        document = json.loads((await ask(application, "/openapi.json")).body)
        forms = document["components"]["schemas"]
        names = {name: form["properties"]["model"]["enum"] for name, form in forms.items()
                 if name.endswith("Form")}  # fmt: skip
        assert names == {
            "TranscriptionForm": ["fake"],
            "AlignmentForm": ["fake"],
            "ClassificationForm": ["labels"],
        }
        service.close()

    run(test())


def test_a_trace_has_the_steps_of_a_request_and_the_clients_parent():
    pytest.importorskip("opentelemetry.sdk", reason='pip install "voxport[otel]"')
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def test():
        keys = "alice:a-key-of-alice-123"
        service, application = build(workers=1, keys=keys, trace=make_trace(provider))
        parent = ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")
        headers = [*HEADERS, parent, ("Authorization", "Bearer a-key-of-alice-123")]
        gone = asyncio.Event().wait
        assert (await ask(application, PATH, body(), headers, "POST", after=gone)).status == 200
        await ask(application, "/ready")
        service.close()

    run(test())
    provider.shutdown()
    read, ran, served, ready = exporter.get_finished_spans()
    assert [span.name for span in (read, ran, served)] == ["read", "run", f"POST {PATH}"]
    assert served.attributes["voxport.model"] == "fake"
    assert served.attributes["voxport.key"] == "alice"
    assert served.attributes["http.response.status_code"] == 200
    assert f"{served.context.trace_id:032x}" == "a" * 32
    assert f"{served.parent.span_id:016x}" == "b" * 16
    assert read.parent.span_id == ran.parent.span_id == served.context.span_id
    assert served.start_time <= read.end_time == ran.start_time <= ran.end_time <= served.end_time
    assert ready.status.status_code.name == "ERROR"
    assert "a-key" not in str([span.to_json() for span in (read, ran, served)])


def test_traces_are_made_only_where_an_exporter_is_configured():
    assert start_tracing({}) is None
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert start_tracing(endpoint | {"OTEL_SDK_DISABLED": "true"}) is None


def test_an_exporter_without_its_packages_says_what_to_install(monkeypatch):
    from voxport.errors import MissingDependencyError

    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingDependencyError, match=r"voxport\[otel\]"):
        start_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})


def test_a_stopping_service_refuses_and_says_so():
    async def test():
        service, application = build()
        service.stop()
        answer = await post(application)
        assert (answer.status, answer.error["code"]) == (503, "stopping")
        ready = await ask(application, "/ready")
        assert (ready.status, json.loads(ready.body)["reason"]) == (503, "the service is stopping")
        service.close()

    run(test())


def test_a_defect_tells_the_client_nothing_and_the_log_no_words(caplog):
    async def test():
        service, application = build(workers=1, backend=Defective())
        answer = await post(application, after=asyncio.Event().wait)
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert answer.error["type"] == "server_error"
        service.close()

    with caplog.at_level(logging.INFO):
        run(test())
    assert "secret" not in caplog.text
    failed = next(record for record in caplog.records if record.getMessage() == "failed")
    assert (failed.facts["error"], failed.facts["cause"]) == ("InferenceError", "ValueError")


def test_an_answer_after_the_time_limit_is_a_504():
    async def test():
        service, application = build(answer_seconds=0.0)
        asked = asyncio.ensure_future(post(application, after=asyncio.Event().wait))
        await wait_for(lambda: service.scheduler.queued_seconds)
        while not asked.done():
            service.scheduler.run_next()
            await asyncio.sleep(0.01)
        assert (await asked).status == 504
        service.close()

    run(test())


def test_a_slow_body_is_refused_by_its_rate():
    async def test():
        service, application = build(idle_seconds=5.0, body_seconds=0.3)
        content = body()
        chunks = [(0.1, content[place : place + 10]) for place in range(0, 200, 10)]
        answer = await post(application, chunks=chunks)
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        service.close()

    run(test())


@pytest.mark.parametrize(
    "lines", ["short:1234", "name", ":a-long-enough-key-here", "a:a-long-enough-key-here:0"]
)
def test_lines_that_are_no_keys_are_refused_without_repeating_them(lines):
    from voxport.errors import InputError

    with pytest.raises(InputError, match=r"expected NAME:KEY") as caught:
        read_keys(None, lines)
    assert lines not in str(caught.value)


def test_a_file_of_keys_is_read(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# ours\n\na:a-long-enough-key-here\nb:another-long-enough:5\n", "utf-8")
    keys = read_keys(path, "c:a-key-of-the-environment")
    assert len(keys) == 3
    assert keys.find("another-long-enough").name == "b"
    assert keys.find("a-key-of-the-environment").name == "c"
    assert keys.find("a-long-enough-key-her") is None


def test_a_rate_fills_up_with_time():
    now = [0.0]
    keys = read_keys(None, "a:a-long-enough-key-here:6")
    keys._clock = lambda: now[0]
    key = keys.find("a-long-enough-key-here")
    assert [keys.take(key) for _ in range(6)] == [0.0] * 6
    assert keys.take(key) == pytest.approx(10.0)
    now[0] = 10.0
    assert keys.take(key) == 0.0
