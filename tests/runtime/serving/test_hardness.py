"""A running server under kills, hangs, bombs, half and slow requests."""

import io
import json
import os
import signal
import socket
import struct
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
pytest.importorskip("uvicorn", reason='pip install "voxport[serve]"')

from support.serving import SAMPLES, form, post, running
from voxport.machine import process_limits
from voxport.serving import run

SAMPLE = (SAMPLES / "one-two-three.flac").read_bytes()
PATH = "/v1/audio/transcriptions"

pytestmark = pytest.mark.skipif(not process_limits.is_linux(), reason="the limits are Linux's")


def ask(server, content=SAMPLE, **fields):
    """Return the status and the object of a request for a transcript."""
    body, headers = form(file=content, model="commands", **fields)
    status, _, answer = post(server.url + PATH, body, headers)
    return status, json.loads(answer)


def engines():
    """List the processes with an engine in them."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    numbers = [int(number) for path in found for number in path.read_text().split()]
    return [
        one for one in numbers if b"isolated_child" in Path(f"/proc/{one}/cmdline").read_bytes()
    ]


def figures(server):
    return post(f"{server.url}/metrics", None, method="GET")[2].decode()


def is_idle(server):
    return server.service._active == 0 and server.service.scheduler.queued_seconds == 0


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def address(server):
    host, port = server.url.removeprefix("http://").split(":")
    return host, int(port)


def test_each_worker_has_an_engine_of_its_own_unless_told_otherwise():
    before = set(engines())
    with running(options={"workers": 2}):
        assert len(set(engines()) - before) == 2
    before = set(engines())
    with running(options={"is_isolated": False}) as server:
        assert set(engines()) <= before
        assert ask(server)[1]["text"] == "ONE TWO THREE"


def test_a_request_whose_engine_is_killed_is_answered(server):
    for number in engines():
        os.kill(number, signal.SIGKILL)
    status, answer = ask(server)
    assert (status, answer["text"]) == (200, "ONE TWO THREE")


def test_requests_are_answered_right_while_engines_are_killed():
    found = []
    with running() as server:
        for _ in range(6):
            asking = threading.Thread(target=lambda: found.append(ask(server)))
            asking.start()
            wait_until(
                lambda asking=asking: (
                    server.service.scheduler.running_seconds or not asking.is_alive()
                )
            )
            for number in engines():
                os.kill(number, signal.SIGKILL)
            asking.join()
    assert [(status, answer["text"]) for status, answer in found] == [(200, "ONE TWO THREE")] * 6


def test_a_batch_that_hangs_is_ended_and_the_next_is_answered(monkeypatch):
    limits = replace(run._LIMITS, run_seconds=0.5, run_seconds_per_second=0.1)
    monkeypatch.setattr(run, "_LIMITS", limits)
    before = set(engines())
    with running() as server:
        [engine] = set(engines()) - before
        os.kill(engine, signal.SIGSTOP)
        status, answer = ask(server)
        assert (status, answer["error"]["code"]) == (500, "model_failed")
        assert ask(server)[1]["text"] == "ONE TWO THREE"


def test_a_service_whose_batches_fail_is_not_ready_until_its_own_recordings_are_answered(server):
    server.service.scheduler.failures_in_a_row = 3
    status, _, content = post(f"{server.url}/ready", None, method="GET")
    assert (status, json.loads(content)["reason"]) == (503, "the last 3 batches failed")
    wait_until(lambda: post(f"{server.url}/ready", None, method="GET")[0] == 200)


def flac_of_silence(seconds):
    file = io.BytesIO()
    soundfile.write(file, np.zeros(seconds * 8_000, np.int16), 8_000, format="FLAC")
    return file.getvalue()


def test_an_hour_of_silence_in_little_space_is_refused_by_its_length():
    content = flac_of_silence(3600)
    assert len(content) < 3600 * 16_000 / 500
    with running(audio_seconds=600) as server:
        status, answer = ask(server, content)
        assert (status, answer["error"]["code"]) == (413, "audio_too_long")
        assert is_idle(server)


def test_a_length_that_is_not_promised_is_counted_while_it_is_decoded():
    """Ogg Opus says nothing about its length in front."""
    if "OPUS" not in soundfile.available_subtypes("OGG"):
        pytest.skip("this libsndfile has no Opus")
    file = io.BytesIO()
    soundfile.write(file, np.zeros(600 * 8_000, np.int16), 8_000, format="OGG", subtype="OPUS")
    assert len(file.getvalue()) < 200_000
    with running(audio_seconds=60) as server:
        status, answer = ask(server, file.getvalue())
        assert (status, answer["error"]["code"]) == (413, "audio_too_long")
        assert ask(server)[0] == 200


def wav_that_promises(data_bytes):
    """A wav header whose data chunk is this long, and a second of audio."""
    form_of_audio = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + data_bytes) + b"WAVEfmt " + struct.pack("<I", 16)
    return head + form_of_audio + b"data" + struct.pack("<I", data_bytes) + bytes(32_000)


def rf64_that_promises(data_bytes):
    form_of_audio = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    sizes = struct.pack("<IQQQI", 28, data_bytes + 72, data_bytes, data_bytes // 2, 0)
    return (
        b"RF64" + b"\xff" * 4 + b"WAVEds64" + sizes + b"fmt " + struct.pack("<I", 16)
        + form_of_audio + b"data" + b"\xff" * 4 + bytes(32_000)
    )  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [wav_that_promises(0x70000000), rf64_that_promises(4 << 40), rf64_that_promises(2**62)],
    ids=["2 GB", "4 TB", "4 EB"],
)
def test_a_header_that_promises_what_is_not_there_is_refused(server, content):
    status, answer = ask(server, content)
    assert status in (400, 413)
    assert answer["error"]["param"] == "file"
    assert ask(server)[0] == 200


def test_a_client_that_goes_before_its_answer_frees_its_place(server):
    body, headers = form(file=SAMPLE, model="commands")
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {headers['Content-Type']}\r\n\r\n"
    )
    for _ in range(20):
        with socket.create_connection(address(server)) as connection:
            connection.sendall(head.encode() + body)
    wait_until(lambda: is_idle(server))
    assert ask(server)[0] == 200


def test_half_an_upload_frees_its_place(server):
    body, headers = form(file=SAMPLE, model="commands")
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {headers['Content-Type']}\r\n\r\n"
    )
    with socket.create_connection(address(server)) as connection:
        connection.sendall(head.encode() + body[: len(body) // 2])
        wait_until(lambda: server.service._active == 1)
    wait_until(lambda: is_idle(server))
    assert ask(server)[0] == 200


def test_many_slow_headers_and_bodies_hold_up_nobody(server):
    held = []
    try:
        for number in range(40):
            connection = socket.create_connection(address(server))
            held.append(connection)
            connection.sendall(b"GET /heal")
            if number % 2:
                connection.sendall(b"th HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n--x")
        assert ask(server)[0] == 200
    finally:
        for connection in held:
            connection.close()


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n" * 50, bytes(99)])
def test_bytes_that_are_no_http_are_refused(server, garbage):
    with socket.create_connection(address(server), timeout=20) as connection:
        connection.sendall(garbage + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert ask(server)[0] == 200


def test_a_header_without_end_is_refused(server):
    with socket.create_connection(address(server), timeout=20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX: " + b"a" * 40_000)
        answer = connection.recv(65536)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
