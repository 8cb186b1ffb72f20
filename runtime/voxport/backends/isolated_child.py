"""The isolated process: opens one artifact, then answers runs until its input ends.

Started by ``isolated``: requests come on standard input, answers go to standard output, and a pipe
ends this process with its parent. Limits itself before an engine sees the file, and once more when
the file is open. Knows the messages; no package.
"""

import os
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from voxport.backends import engines, providers
from voxport.backends.contract import Backend
from voxport.backends.isolated_frames import Message, read_message, write_message
from voxport.errors import VoxportError
from voxport.machine import process_limits

_TRUSTED_BYTES = 1 << 40  # requests come from our own parent
_MAX_REASON_CHARACTERS = 10_000


@dataclass(frozen=True)
class Order:
    """An artifact to open, and the limit of memory."""

    request: engines.OpenRequest
    memory_bytes: int


def main() -> None:
    """Open the artifact and answer runs."""
    life = int(sys.argv[1])
    if life >= 0:
        process_limits.end_with(life)
    incoming, outgoing = _take_streams()
    backends: list[Backend] = []

    def start() -> dict[str, Any]:
        backends.append(_open(pickle.load(incoming)))  # of our parent
        return {"provider": backends[0].provider, "runtime": backends[0].runtime}

    if not _answer(outgoing, start):
        return
    while True:
        try:
            request = read_message(incoming, _TRUSTED_BYTES)
        except EOFError:
            return
        _answer(outgoing, lambda request=request: _run(backends[0], request))


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes of requests and answers; what else is printed or read leads nowhere."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return incoming, outgoing


def _open(order: Order) -> Backend:
    process_limits.limit_memory(order.memory_bytes)
    process_limits.forbid_writing()
    backend = engines.open_engine(order.request)
    if backend.provider not in providers.GPUS and backend.provider != "cuda":
        process_limits.forbid_opening()  # drivers of GPUs open files as they run
    return backend


def _run(backend: Backend, request: Message) -> dict[str, Any]:
    waveform, lengths = request.arrays["waveform"], request.arrays["lengths"]
    if layers := request.head["layers"]:
        found = backend.extract(waveform, lengths, layers)
        numbered = {str(place): layer for place, layer in enumerate(found.layers)}
        return {**numbered, "lengths": found.lengths}
    if (task := request.head.get("task")) is not None:
        values = dict(vars(backend.answer(waveform, lengths, task)))
        label = values.pop("label")
        return {**{n: v for n, v in values.items() if v is not None}, "transcript": label}
    outputs: list[str] = request.head["outputs"]
    answer = backend.run(waveform, lengths, outputs)
    return {name: getattr(answer, name) for name in outputs}


def _answer(pipe: BinaryIO, step: Callable[[], Mapping[str, Any]]) -> bool:
    """Send what a step gives, or its error; return whether it gave something."""
    try:
        values = dict(step())
    except VoxportError as error:
        _send_error(pipe, type(error).__name__, error.reason, error.subject)
        return False
    except Exception as error:  # the parent raises it
        _send_error(pipe, "InferenceError", f"{type(error).__name__}: {error}", None)
        return False
    texts = values.pop("transcript", None)
    arrays = {name: value for name, value in values.items() if not isinstance(value, str)}
    head = {name: value for name, value in values.items() if isinstance(value, str)}
    write_message(pipe, head, arrays, None if texts is None else list(texts))
    return True


def _send_error(pipe: BinaryIO, kind: str, reason: str, subject: str | None) -> None:
    write_message(pipe, {"error": [kind, reason[:_MAX_REASON_CHARACTERS], subject]})
