"""Realtime transcription: OpenAI's events in, words as they become final out.

One session is one stream of audio. Its turns end at the model's own pauses, or where the client
commits. Its clips share the scheduler's batches with those of all other streams and uploads. Knows
events as plain objects; no socket.
"""

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from voxport.audio.limits import MAX_RATE_HZ, MIN_RATE_HZ
from voxport.audio.recording import Clip
from voxport.errors import VoxportError
from voxport.recognizer import Recognizer
from voxport.serving.http_errors import HttpError, invalid, to_http
from voxport.serving.scheduler import Scheduler
from voxport.streaming import Event, StreamDecoder

RATE_HZ = 24_000  # of OpenAI's pcm
_SILENCE_MS = 500  # behind a word, that ends a turn
_MAX_APPEND_CHARACTERS = 15 << 20  # OpenAI's 15 MiB

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class _Turn:
    """Words between two pauses: an item of the conversation."""

    item_id: str = field(default_factory=lambda: _new_id("item"))
    words: list[str] = field(default_factory=list[str])
    start: float = 0.0  # seconds of the stream
    end: float = 0.0  # of its last word


class RealtimeSession:
    """One stream of a client.

    Args:
        find: returns the recognizer of a name, or raises an ``HttpError``.
        scheduler: runs its clips.
        send: sends one event to the client.
        model: the name of the recognizer, until the client names another.
    """

    def __init__(
        self, find: Callable[[str], Recognizer], scheduler: Scheduler, send: Send, model: str
    ) -> None:
        self._find, self._scheduler, self._send = find, scheduler, send
        self._model, self._recognizer = model, find(model)
        self._flow = object()
        self._rate = RATE_HZ
        self._silence_ms: int | None = _SILENCE_MS  # None: the client commits
        self._id = _new_id("sess")
        self._start_stream()

    async def open(self) -> None:
        """Admit the stream, and greet the client; ``close`` must follow.

        Raises:
            OverloadedError, StoppedError: it is not admitted.
        """
        self._scheduler.admit(self._flow, 0.0)
        await self._emit("session.created", session=self._session())

    def close(self) -> None:
        """End the stream."""
        self._scheduler.release(self._flow)

    async def receive(self, text: str) -> None:
        """Take one event of the client; what is wrong with it is answered as an error."""
        event: Mapping[str, Any] = {}
        try:
            event = _parse(text)
            await self._handle(event)
        except (HttpError, VoxportError) as error:
            body = to_http(error).body["error"]
            event_id = event.get("event_id")
            await self._emit("error", error=body | {"event_id": event_id})

    async def _handle(self, event: Mapping[str, Any]) -> None:
        kind = event.get("type")
        if kind == "input_audio_buffer.append":
            await self._append(event.get("audio"))
        elif kind == "input_audio_buffer.commit":
            await self._commit()
        elif kind == "input_audio_buffer.clear":
            self._start_stream()
            await self._emit("input_audio_buffer.cleared")
        elif kind in ("session.update", "transcription_session.update"):
            self._update(event.get("session"))
            await self._emit("session.updated", session=self._session())
        else:
            raise invalid(f"there is no event {str(kind)[:100]!r} here", "type")

    async def _append(self, audio: object) -> None:
        samples = _decode(audio)
        self._decoder.push(samples)
        self._pushed += len(samples)
        self._uncommitted += len(samples)
        await self._run()

    async def _commit(self) -> None:
        if not self._uncommitted:
            raise HttpError(400, "no audio was appended", code="input_audio_buffer_commit_empty")
        self._decoder.pause()
        await self._run()
        await self._end_turn(self._turn or _Turn())

    async def _run(self) -> None:
        """Run the clips that the audio so far needs."""
        while (clip := self._decoder.next_clip()) is not None:
            seconds = self._decoder_step()
            future = self._scheduler.submit(
                self._recognizer.emit_clips,
                Clip(clip, 0.0),
                self._recognizer.padded_length(len(clip)),
                seconds,
                self._flow,
            )
            for event in self._decoder.take(await asyncio.wrap_future(future)):
                await self._hear(event)
        await self._detect_pause()

    def _decoder_step(self) -> float:
        """Return the new audio of the next clip, the share of the machine that it is charged."""
        new, self._charged = self._pushed - self._charged, self._pushed
        return max(0.0, new / self._rate)

    async def _hear(self, event: Event) -> None:
        self._has_preview = not event.final
        if not event.words:
            return
        if self._turn is None:
            self._turn = _Turn(start=event.words[0].start)
            if self._silence_ms is not None:
                start_ms = round(1000 * self._turn.start)
                await self._emit(
                    "input_audio_buffer.speech_started",
                    item_id=self._turn.item_id,
                    audio_start_ms=start_ms,
                )
        if not event.final:
            return
        for word in event.words:
            gap = " " if self._turn.words else ""
            self._turn.words.append(word.text)
            self._turn.end = word.end
            await self._emit_item(self._turn, "delta", delta=gap + word.text)

    async def _detect_pause(self) -> None:
        turn = self._turn
        if self._silence_ms is None or turn is None or not turn.words or self._has_preview:
            return
        silence = self._pushed / self._rate - turn.end
        if silence * 1000 < self._silence_ms:
            return
        end_ms = round(1000 * turn.end)
        await self._emit(
            "input_audio_buffer.speech_stopped", item_id=turn.item_id, audio_end_ms=end_ms
        )
        await self._end_turn(turn)

    async def _end_turn(self, turn: _Turn) -> None:
        previous, self._previous = self._previous, turn.item_id
        seconds, self._uncommitted = self._uncommitted / self._rate, 0
        self._turn, self._has_preview = None, False
        await self._emit(
            "input_audio_buffer.committed", item_id=turn.item_id, previous_item_id=previous
        )
        text = " ".join(turn.words)
        usage = {"type": "duration", "seconds": round(seconds, 3)}
        await self._emit_item(turn, "completed", transcript=text, usage=usage)

    async def _emit_item(self, turn: _Turn, kind: str, **values: Any) -> None:
        name = f"conversation.item.input_audio_transcription.{kind}"
        await self._emit(name, item_id=turn.item_id, content_index=0, **values)

    async def _emit(self, kind: str, **values: Any) -> None:
        await self._send({"type": kind, "event_id": _new_id("event"), **values})

    def _start_stream(self) -> None:
        self._decoder = StreamDecoder(self._recognizer.manifest.model, self._rate)
        self._turn: _Turn | None = None
        self._previous: str | None = None
        self._has_preview = False
        self._pushed = self._charged = self._uncommitted = 0  # samples

    def _update(self, given: object) -> None:
        session = _object(given, "session")
        audio = _object(session.get("audio") or {}, "session.audio")
        settings = _object(audio.get("input") or {}, "session.audio.input")
        rate, silence = self._rate, self._silence_ms
        if (form := settings.get("format")) is not None:
            rate = _parse_format(_object(form, "session.audio.input.format"))
        if "turn_detection" in settings:
            silence = _parse_turns(settings["turn_detection"])
        transcription = _object(settings.get("transcription") or {}, "session.audio.input")
        model = str(transcription.get("model", self._model))
        recognizer = self._find(model)
        is_new = (rate, model) != (self._rate, self._model)
        if is_new and self._pushed:
            raise invalid("rate and model cannot change after audio", "session.audio.input")
        self._rate, self._silence_ms = rate, silence
        self._model, self._recognizer = model, recognizer
        if is_new:
            self._start_stream()

    def _session(self) -> dict[str, Any]:
        turns = {"type": "server_vad", "silence_duration_ms": self._silence_ms}
        settings = {
            "format": {"type": "audio/pcm", "rate": self._rate},
            "transcription": {"model": self._model},
            "turn_detection": None if self._silence_ms is None else turns,
        }
        return {
            "id": self._id,
            "object": "realtime.transcription_session",
            "type": "transcription",
            "audio": {"input": settings},
        }


def _parse(text: str) -> Mapping[str, Any]:
    try:
        event: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid("expected an event as JSON") from None
    return _object(event, "event")


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise invalid("expected an object", name)
    return cast("Mapping[str, Any]", value)


def _parse_format(form: Mapping[str, Any]) -> int:
    rate = form.get("rate", RATE_HZ)
    is_rate = isinstance(rate, int) and MIN_RATE_HZ <= rate <= MAX_RATE_HZ
    if form.get("type", "audio/pcm") != "audio/pcm" or not is_rate:
        raise invalid(
            "expected audio/pcm, 16 bits, little endian, one channel, and a rate in hertz",
            "session.audio.input.format",
        )
    return cast("int", rate)


def _parse_turns(given: object) -> int | None:
    if given is None:
        return None
    name = "session.audio.input.turn_detection"
    silence = _object(given, name).get("silence_duration_ms", _SILENCE_MS)
    if not isinstance(silence, int) or silence < 0:
        raise invalid("expected milliseconds of silence", f"{name}.silence_duration_ms")
    return silence


def _decode(audio: object) -> NDArray[np.float32]:
    if not isinstance(audio, str) or len(audio) > _MAX_APPEND_CHARACTERS:
        raise invalid("expected at most 15 MiB of base64", "audio")
    try:
        content = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("expected base64", "audio") from None
    if len(content) % 2:
        raise invalid("expected 16-bit samples: an even number of bytes", "audio")
    return (np.frombuffer(content, "<i2") / 2**15).astype(np.float32)


def _new_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"
