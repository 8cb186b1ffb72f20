"""Realtime transcription: events of a session, and OpenAI's own client over a socket."""

import asyncio
import base64
import json

import numpy as np
import pytest

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
pytest.importorskip("uvicorn", reason='pip install "voxport[serve]"')
pytest.importorskip("websockets", reason='pip install "voxport[serve]"')
openai = pytest.importorskip("openai", reason="pip install openai")

from support.serving import SAMPLES, running  # noqa: E402
from voxport.audio.files import read_audio  # noqa: E402
from voxport.serving.http_errors import HttpError  # noqa: E402
from voxport.serving.realtime import RealtimeSession  # noqa: E402
from voxport.serving.scheduler import Scheduler  # noqa: E402

SAMPLE = SAMPLES / "one-two-three.flac"
RATE = 16_000
PCM = {"format": {"type": "audio/pcm", "rate": RATE}}


def encode(waveform):
    return base64.b64encode((waveform * 32767).astype("<i2").tobytes()).decode()


def blocks(seconds=0.0):
    """The sample and silence behind it, in quarters of a second."""
    waveform = np.append(read_audio(SAMPLE).waveform, np.zeros(int(seconds * RATE)))
    return [encode(waveform[place : place + 4000]) for place in range(0, len(waveform), 4000)]


class Talk:
    """A session in this process, and all that it sent."""

    def __init__(self, recognizer, workers=1):
        self.events = []
        self.scheduler = Scheduler(10**6, workers)

        async def send(event):
            self.events.append(event)

        def find(name):
            if name != "commands":
                raise HttpError(404, "there is no such model", code="model_not_found")
            return recognizer

        self.session = RealtimeSession(find, self.scheduler, send, "commands")

    async def say(self, kind, **values):
        await self.session.receive(json.dumps({"type": kind, **values}))

    def all(self, kind):
        return [event for event in self.events if event["type"].endswith(kind)]


def talk(recognizer, steps):
    """Open a session, run the steps, and return it."""
    found = Talk(recognizer)

    async def run():
        await found.session.open()
        await found.say("session.update", session={"audio": {"input": PCM}})
        await steps(found)
        found.session.close()

    asyncio.run(asyncio.wait_for(run(), 60))
    found.scheduler.close()
    return found


def test_a_turn_ends_at_a_pause_and_its_deltas_join_to_its_text(recognizer):
    async def steps(session):
        for audio in blocks(seconds=4):
            await session.say("input_audio_buffer.append", audio=audio)

    found = talk(recognizer, steps)
    completed = found.all(".completed")
    assert " ".join(event["transcript"] for event in completed) == "ONE TWO THREE"
    for event in completed:
        deltas = [
            item["delta"] for item in found.all(".delta") if item["item_id"] == event["item_id"]
        ]
        assert "".join(deltas) == event["transcript"]
    kinds = [event["type"].rpartition(".")[2] for event in found.events]
    assert kinds[:3] == ["created", "updated", "speech_started"]
    assert kinds[-3:] == ["speech_stopped", "committed", "completed"]
    assert not found.all("error")


def test_without_turns_the_client_commits(recognizer):
    turns = {"session": {"audio": {"input": {**PCM, "turn_detection": None}}}}

    async def steps(session):
        await session.say("session.update", **turns)
        for _ in range(2):
            for audio in blocks():
                await session.say("input_audio_buffer.append", audio=audio)
            await session.say("input_audio_buffer.commit")

    found = talk(recognizer, steps)
    assert [event["transcript"] for event in found.all(".completed")] == ["ONE TWO THREE"] * 2
    first, second = found.all(".committed")
    assert (first["previous_item_id"], second["previous_item_id"]) == (None, first["item_id"])
    assert not found.all("speech_started")


def test_many_streams_share_one_recognizer(recognizer):
    """All at once, each with its own words."""
    sessions = [Talk(recognizer, workers=0) for _ in range(6)]
    scheduler = Scheduler(10**7, 1)
    for session in sessions:
        session.session._scheduler = scheduler

    async def speak(session):
        await session.session.open()
        await session.say("session.update", session={"audio": {"input": PCM}})
        for audio in blocks():
            await session.say("input_audio_buffer.append", audio=audio)
        await session.say("input_audio_buffer.commit")

    async def run():
        await asyncio.gather(*map(speak, sessions))

    asyncio.run(asyncio.wait_for(run(), 120))
    texts = [" ".join(e["transcript"] for e in item.all(".completed")).strip() for item in sessions]
    assert texts == ["ONE TWO THREE"] * 6
    scheduler.close()


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("{", None),
        ("[]", "event"),
        ('{"type": "response.create"}', "type"),
        ('{"type": "input_audio_buffer.append", "audio": "***"}', "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "AAA="}', None),
        ('{"type": "input_audio_buffer.append", "audio": "AA=="}', "audio"),
        ('{"type": "input_audio_buffer.append"}', "audio"),
        ('{"type": "input_audio_buffer.commit"}', None),
        ('{"type": "session.update", "session": 3}', "session"),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"format": '
            '{"type": "audio/pcmu"}}}}}',
            "session.audio.input.format",
        ),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"transcription": '
            '{"model": "whisper-1"}}}}}',
            None,
        ),
    ],
)
def test_events_that_make_no_sense_are_answered_and_the_session_goes_on(recognizer, text, param):
    async def steps(session):
        await session.session.receive(text)
        await session.say("input_audio_buffer.clear")

    found = talk(recognizer, steps)
    if text.endswith('"AAA="}'):  # two bytes: one sample
        assert not found.all("error")
    else:
        assert [event["error"]["param"] for event in found.all("error")] == [param]
    assert found.events[-1]["type"] == "input_audio_buffer.cleared"


def test_openais_client_works_unchanged(server):
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
    settings = {"type": "transcription", "audio": {"input": PCM}}
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().session.type == "transcription"
        connection.session.update(session=settings)
        for audio in blocks(seconds=3):
            connection.input_audio_buffer.append(audio=audio)
        connection.input_audio_buffer.append(audio=blocks()[0])
        connection.input_audio_buffer.commit()
        words, last = [], ""
        while not last:
            event = connection.recv()
            assert event.type != "error"
            if event.type == "conversation.item.input_audio_transcription.completed":
                words += event.transcript.split()
                last = event.item_id if words == ["ONE", "TWO", "THREE"] else ""


def test_a_connection_without_a_key_is_refused():
    import websockets.sync.client as websockets
    from websockets.exceptions import InvalidStatus

    with running(keys="a:a-long-enough-key-here") as server:
        url = server.url.replace("http", "ws") + "/v1/realtime?intent=transcription"
        with pytest.raises(InvalidStatus, match="403"):
            websockets.connect(url)
        headers = {"Authorization": "Bearer a-long-enough-key-here"}
        with websockets.connect(url, additional_headers=headers) as connection:
            assert json.loads(connection.recv())["type"] == "session.created"
