"""Routes without a socket: overload, clients that go, defects, and the log."""

import asyncio
import json
import logging

import pytest

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')

from support import fakes
from support.serving import SAMPLES, ask
from voxport.recognizer import Recognizer
from voxport.serving.api_keys import ApiKeys, read_keys
from voxport.serving.application import build_application
from voxport.serving.metrics import Metrics
from voxport.serving.scheduler import Scheduler
from voxport.serving.service import Service
from voxport.serving.settings import Settings

HEADERS = [("Content-Type", "multipart/form-data; boundary=x")]
PATH = "/v1/audio/transcriptions"


def body(model="fake", file=None):
    content = (SAMPLES / "yes.flac").read_bytes() if file is None else file
    return (
        b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + model.encode() + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )


class Defective(fakes.FakeBackend):
    def run(self, *args, **options):
        raise ValueError("secret words")


def build(workers=0, backend=None, keys="", **settings):
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), backend or fakes.FakeBackend())
    limits = Settings(**settings)
    scheduler = Scheduler(10**6, workers, limits.queue_seconds)
    service = Service({"fake": recognizer}, scheduler, limits)
    found = read_keys(None, keys) if keys else ApiKeys([])
    return service, build_application(service, found, Metrics())


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
