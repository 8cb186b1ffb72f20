"""The front of a fleet, with replicas that are lost as the test says."""

import asyncio
import json

import pytest

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
pytest.importorskip("prometheus_client", reason='pip install "voxport[serve]"')

from support.serving import ask
from voxport.serving.api_keys import ApiKeys
from voxport.serving.front import Front, LostError
from voxport.serving.metrics import Metrics
from voxport.serving.middleware import Gate
from voxport.serving.settings import Settings

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-from", b"replica")]}
PATH = "/v1/audio/transcriptions"


def part(content, more=True):
    return {"type": "http.response.body", "body": content, "more_body": more}


WHOLE = [START, part(b"ONE "), part(b"TWO "), part(b"THREE", more=False)]


class Fleet:
    """Replicas that answer a request with the next of these lists; one without end is lost."""

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []
        self.cancelled = 0

    async def ask(self, request):
        self.requests.append(request)
        message = {}
        try:
            for message in self.answers.pop(0):
                if message is None:
                    await asyncio.Event().wait()
                yield message
            if not message.get("more_body", True):
                return
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise LostError


def build(*answers, **settings):
    fleet, limits, figures = Fleet(*answers), Settings(**settings), Metrics()
    front = Front(fleet, limits, figures.render)
    return fleet, front, Gate(front, ApiKeys([]), limits, figures.count_request)


def run(test):
    asyncio.run(asyncio.wait_for(test, 30))


def test_a_request_is_passed_on_whole_and_answered():
    async def test():
        fleet, front, gate = build(WHOLE)
        headers = [("Content-Type", "a/b"), ("Authorization", "Bearer x"), ("X-Request-Id", "me")]
        chunks = [(0, b"a"), (0, b"b"), (0, b"c")]
        answer = await ask(gate, PATH, headers=headers, method="POST", chunks=chunks)
        assert (answer.status, answer.body) == (200, b"ONE TWO THREE")
        [request] = fleet.requests
        assert (request.method, request.path, request.body) == ("POST", PATH, b"abc")
        assert request.headers == [(b"content-type", b"a/b"), (b"x-request-id", b"me")]
        assert (front._active, front._bytes, front.repeats) == (0, 0, 0)

    run(test())


@pytest.mark.parametrize(
    "lost",
    [
        [START, part(b"ONE ")],
        [START, part(b"ONE TW")],
        [START],
        [START, part(b"ONE "), part(b"TWO ")],
        [START, part(b"ONE TWO THREE")],
    ],
    ids=["a part", "half a part", "none", "two parts", "all but the end"],
)
def test_an_answer_of_a_lost_replica_goes_on_and_repeats_nothing(lost):
    async def test():
        fleet, front, gate = build(lost, [START], WHOLE)
        answer = await ask(gate, PATH, b"x", method="POST")
        assert (answer.status, answer.body) == (200, b"ONE TWO THREE")
        assert len(fleet.requests) == 3
        assert front.repeats == 2

    run(test())


def test_a_request_whose_replicas_are_all_lost_is_a_504_in_the_end():
    async def test():
        _, _, gate = build(*[[]] * 9, answer_seconds=0.2)
        answer = await ask(gate, PATH, b"x", method="POST")
        assert (answer.status, answer.error["code"]) == (504, "timeout")

    run(test())


def test_a_client_that_goes_ends_its_request_and_frees_its_place():
    async def test():
        fleet, front, gate = build([START, None], WHOLE, requests=1)
        gone = asyncio.Event()
        first = asyncio.ensure_future(ask(gate, PATH, b"x", method="POST", after=gone.wait))
        while not fleet.requests:
            await asyncio.sleep(0.01)
        refused = await ask(gate, PATH, b"x", method="POST")
        assert (refused.status, refused.error["code"]) == (429, "server_overloaded")
        gone.set()
        await first
        await asyncio.sleep(0.01)
        assert (fleet.cancelled, front._active) == (1, 0)
        assert (await ask(gate, PATH, b"x", method="POST")).status == 200

    run(test())


def test_a_stopping_front_refuses_and_is_healthy():
    async def test():
        _, front, gate = build(WHOLE)
        front.stop()
        assert (await ask(gate, PATH, b"x", method="POST")).error["code"] == "stopping"
        assert json.loads((await ask(gate, "/health")).body) == {"status": "ok"}
        figures = (await ask(gate, "/metrics")).body.decode()
        assert f'voxport_requests_total{{route="{PATH}",status="503"}} 1.0' in figures

    run(test())
