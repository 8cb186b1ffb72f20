"""A running server, asked by OpenAI's own client and by plain sockets."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
pytest.importorskip("uvicorn", reason='pip install "voxport[serve]"')
openai = pytest.importorskip("openai", reason="pip install openai")

import voxport  # noqa: E402
from support.data import ROOT  # noqa: E402
from support.serving import SAMPLES, form, post, running  # noqa: E402
from voxport.transcript import formats  # noqa: E402

SAMPLE = SAMPLES / "one-two-three.flac"
KEYS = "alice:a-key-of-alice-123:2,bob:a-key-of-bob-45678"


@pytest.fixture(scope="module")
def client(server):
    url = f"{server.url}/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60) as found:
        yield found


def transcribe(client, path=SAMPLE, **given):
    with Path(path).open("rb") as file:
        found = client.audio.transcriptions.create(file=file, model="commands", **given)
        return list(found) if given.get("stream") else found


# OpenAI's client.


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.flac")), ids=lambda path: path.stem)
def test_the_client_gets_the_texts_of_the_recognizer(client, recognizer, path):
    assert transcribe(client, path).text == recognizer.transcribe(str(path)).text


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_documents_are_those_of_the_command(client, recognizer, form):
    writer = {"text": formats.to_txt, "srt": formats.to_srt, "vtt": formats.to_vtt}[form]
    expected = writer(recognizer.transcribe(str(SAMPLE)))
    assert transcribe(client, response_format=form) == expected


def test_verbose_json_has_words_and_segments(client, recognizer):
    expected = recognizer.transcribe(str(SAMPLE))
    given = {"response_format": "verbose_json"}
    found = transcribe(client, timestamp_granularities=["word", "segment"], **given)
    assert [(word.word, word.start) for word in found.words] == [
        (word.text, pytest.approx(word.start, abs=1e-4)) for word in expected.words
    ]
    assert found.segments[0].text == "ONE TWO THREE"
    labels = recognizer.manifest.model.pieces
    assert "".join(labels[token] for token in found.segments[0].tokens) == "ONE TWO THREE"
    assert found.duration == pytest.approx(expected.duration, abs=1e-4)
    short = transcribe(client, SAMPLES / "stop.flac", **given)
    assert short.segments[0].end == short.duration  # a subtitle would stay for a second
    assert transcribe(client, **given).words is None
    assert transcribe(client, timestamp_granularities=["word"], **given).segments is None


def test_logprobs_are_the_tokens_scores(client, recognizer):
    expected = recognizer.transcribe(str(SAMPLE))
    found = transcribe(client, include=["logprobs"]).logprobs
    assert "".join(item.token for item in found) == expected.text
    assert [np.exp(item.logprob) for item in found] == pytest.approx(
        [token.score for token in expected.tokens], abs=1e-3
    )


def test_streamed_deltas_join_to_the_text(client, recognizer):
    events = transcribe(client, stream=True)
    assert events[-1].type == "transcript.text.done"
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert "".join(deltas) == events[-1].text == recognizer.transcribe(str(SAMPLE)).text


def write_wav(path, waveform):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((waveform * 32767).astype("<i2").tobytes())
    return path


def test_a_long_recording_is_streamed_in_parts(tmp_path):
    """In windows, as the recognizer's own."""
    windows = {"whole_seconds": 5.0, "window_seconds": 5.0}
    path = write_wav(tmp_path / "long.wav", np.tile(recognizer_waveform(SAMPLE), 10))
    with (
        running(loading=windows) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
    ):
        events = transcribe(client, path, stream=True)
        assert transcribe(client, path).text == events[-1].text
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) > 2
    expected = voxport.load("commands", "cpu", threads=1, **windows).transcribe(str(path)).text
    assert "".join(deltas) == events[-1].text == expected


def recognizer_waveform(path):
    from voxport.audio.files import read_audio

    return read_audio(path).waveform


def test_media_is_read(client, tmp_path):
    av = pytest.importorskip("av", reason='pip install "voxport[media]"')
    path = tmp_path / "a.m4a"
    samples = (recognizer_waveform(SAMPLE) * 32767).astype(np.int16)[None]
    with av.open(str(path), "w", format="ipod") as file:
        stream = file.add_stream("alac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    assert transcribe(client, path).text == "ONE TWO THREE"


def test_models_are_listed_and_found(client):
    assert [model.id for model in client.models.list()] == ["commands"]
    assert client.models.retrieve("commands").owned_by == "voxport"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("whisper-1")


def test_the_client_raises_its_own_errors(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.transcriptions.create(file=SAMPLE, model="whisper-1")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="not audio") as caught:
        client.audio.transcriptions.create(file=("a.wav", b"nonsense" * 99), model="commands")
    assert caught.value.param == "file"
    with pytest.raises(openai.BadRequestError, match="not audio"):
        list(
            client.audio.transcriptions.create(
                file=("a.wav", b"nonsense" * 99), model="commands", stream=True
            )
        )


def test_64_clients_at_once_are_all_answered_right(client, recognizer):
    paths = sorted(SAMPLES.glob("*.flac"))
    expected = [recognizer.transcribe(str(path)).text for path in paths]
    found = {}

    def run(number):
        found[number] = transcribe(client, paths[number % len(paths)]).text

    threads = [threading.Thread(target=run, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(64)] == [
        expected[number % len(paths)] for number in range(64)
    ]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_node_client_works_unchanged(server):
    modules = os.environ.get("VOXPORT_NODE_MODULES", "")
    if not (Path(modules) / "openai").is_dir():
        pytest.skip("VOXPORT_NODE_MODULES names no folder with the npm package openai")
    script = (
        "const OpenAI = require('openai').default ?? require('openai'); const fs = require('fs');"
        f"const client = new OpenAI({{baseURL: '{server.url}/v1', apiKey: 'none'}});"
        f"client.audio.transcriptions.create({{file: fs.createReadStream('{SAMPLE}'), "
        "model: 'commands'}).then(found => console.log(found.text));"
    )
    environment = os.environ | {"NODE_PATH": modules}
    done = subprocess.run(
        ["node", "-e", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "ONE TWO THREE\n"


# Plain requests.


def test_alignments_have_the_times_of_the_words(server, recognizer):
    body, headers = form(file=SAMPLE.read_bytes(), model="commands", text="One, two *")
    status, _, content = post(f"{server.url}/v1/audio/alignments", body, headers)
    assert status == 200
    expected = recognizer.align(str(SAMPLE), "One, two *")
    assert [(word["word"], word["start"]) for word in json.loads(content)["words"]] == [
        (word.text, pytest.approx(word.start, abs=1e-4)) for word in expected.words
    ]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "commands"}, "file"),
        ({"file": b"x"}, "model"),
        ({"file": "no file", "model": "commands"}, "file"),
        ({"file": b"x", "model": "commands", "response_format": "xml"}, "response_format"),
        ({"file": b"x", "model": "commands", "stream": "maybe"}, "stream"),
        ({"file": b"x", "model": "commands", "include__": "all"}, "include"),
        (
            {"file": b"x", "model": "commands", "timestamp_granularities__": "letter"},
            "timestamp_granularities",
        ),
        ({"file": b"", "model": "commands"}, "file"),
    ],
)
def test_fields_that_make_no_sense_are_refused(server, fields, param):
    body, headers = form(**fields)
    status, _, content = post(f"{server.url}/v1/audio/transcriptions", body, headers)
    error = json.loads(content)["error"]
    assert (status, error["param"], error["type"]) == (400, param, "invalid_request_error")


@pytest.mark.parametrize(
    ("path", "text"),
    [("/v1/audio/alignments", ""), ("/v1/audio/alignments", "日")],
)
def test_a_text_that_cannot_be_aligned_is_refused(server, path, text):
    body, headers = form(file=SAMPLE.read_bytes(), model="commands", text=text)
    status, _, content = post(server.url + path, body, headers)
    assert (status, json.loads(content)["error"]["param"]) == (400, "text")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"{}", {"Content-Type": "application/json"}),
        (b"--x\r\n", {"Content-Type": "multipart/form-data"}),
        (b"junk", {"Content-Type": "multipart/form-data; boundary=x"}),
        (form(file=SAMPLE.read_bytes(), model="commands")[0][:9000], form()[1]),
    ],
    ids=["nothing", "JSON", "no boundary", "no part", "half"],
)
def test_a_body_that_is_no_form_is_refused(server, body, headers):
    status, _, content = post(f"{server.url}/v1/audio/transcriptions", body, headers)
    assert status == 400
    assert json.loads(content)["error"]["type"] == "invalid_request_error"


def test_unused_fields_are_named_in_a_header(server):
    body, headers = form(file=SAMPLE.read_bytes(), model="commands", language="de", prompt="hm")
    status, answered, _ = post(f"{server.url}/v1/audio/transcriptions", body, headers)
    assert (status, answered["X-Voxport-Ignored"]) == (200, "language, prompt")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v1/audio/transcriptions", 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/models/other", 404),
    ],
)
def test_what_is_not_there_is_an_error_in_the_same_shape(server, method, path, status):
    found, _, content = post(server.url + path, None, method=method)
    assert found == status
    assert set(json.loads(content)["error"]) == {"message", "type", "param", "code"}


def test_request_ids_are_taken_or_made(server):
    _, headers, _ = post(f"{server.url}/health", None, {"X-Request-Id": "mine-1"}, "GET")
    assert headers["X-Request-Id"] == "mine-1"
    _, headers, _ = post(f"{server.url}/health", None, {"X-Request-Id": "a b" * 99}, "GET")
    assert headers["X-Request-Id"].startswith("req_")


def test_health_readiness_metrics_and_descriptions_answer(server):
    assert post(f"{server.url}/ready", None, method="GET")[2] == b'{"status":"ready"}'
    figures = post(f"{server.url}/metrics", None, method="GET")[2].decode()
    for name in ("requests_total", "audio_seconds_total", "batch_fill", "queued_audio_seconds"):
        assert f"\nvoxport_{name}" in figures
    document = json.loads(post(f"{server.url}/openapi.json", None, method="GET")[2])
    assert "/v1/audio/transcriptions" in document["paths"]
    page = post(f"{server.url}/docs", None, method="GET")[2].decode()
    assert "timestamp_granularities" in page
    assert "src=" not in page
    assert "http" not in page.replace("multipart/form-data", "")


# Limits.


@pytest.fixture(scope="module")
def strict():
    with running(
        keys=KEYS, upload_bytes=60_000, audio_seconds=2.0, header_seconds=0.4, idle_seconds=0.5
    ) as found:
        yield found


def ask_with_key(server, key, fields=None):
    body, headers = form(**(fields or {"file": SAMPLE.read_bytes(), "model": "commands"}))
    headers["Authorization"] = f"Bearer {key}"
    return post(f"{server.url}/v1/audio/transcriptions", body, headers)


@pytest.mark.parametrize("key", ["", "wrong", "a-key-of-alice-12", "a-key-of-alice-1234"])
def test_a_wrong_key_is_refused(strict, key):
    status, headers, content = ask_with_key(strict, key)
    assert (status, json.loads(content)["error"]["code"]) == (401, "invalid_api_key")
    assert headers["WWW-Authenticate"] == "Bearer"


def test_health_needs_no_key(strict):
    assert post(f"{strict.url}/health", None, method="GET")[0] == 200
    assert post(f"{strict.url}/v1/models", None, method="GET")[0] == 401


def test_a_recording_longer_than_allowed_is_refused(strict):
    status, _, content = ask_with_key(strict, "a-key-of-bob-45678")
    assert (status, json.loads(content)["error"]["code"]) == (413, "audio_too_long")


def test_an_upload_larger_than_allowed_is_refused(strict):
    fields = {"file": bytes(70_000), "model": "commands"}
    status, _, content = ask_with_key(strict, "a-key-of-bob-45678", fields)
    assert (status, json.loads(content)["error"]["code"]) == (413, "request_too_large")


def test_each_key_has_its_rate(strict):
    short = {"file": (SAMPLES / "yes.flac").read_bytes(), "model": "commands"}
    statuses = [ask_with_key(strict, "a-key-of-alice-123", short) for _ in range(3)]
    assert [status for status, _, _ in statuses] == [200, 200, 429]
    assert 1 <= int(statuses[2][1]["Retry-After"]) <= 30
    assert ask_with_key(strict, "a-key-of-bob-45678", short)[0] == 200


def talk(url, *parts, pause=0.0):
    """Send parts to a socket with pauses; return all that comes back until it is closed."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            threading.Event().wait(pause)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


def test_a_header_that_does_not_end_is_not_waited_for(strict):
    assert talk(strict.url, b"GET /health HTT").startswith(b"HTTP/1.1 408")
    assert talk(strict.url).startswith(b"HTTP/1.1 408")


def test_a_body_that_does_not_come_is_not_waited_for(strict):
    head = (
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
        b"Authorization: Bearer a-key-of-bob-45678\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    answer = talk(strict.url, head)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_timeout"' in answer.replace(b'": "', b'":"')


def test_a_body_without_a_length_is_counted(strict):
    head = (
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Authorization: Bearer a-key-of-bob-45678\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    first = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    parts = [head, b"%x\r\n%s\r\n" % (len(first), first), chunk, b"0\r\n\r\n"]
    assert talk(strict.url, *parts).startswith(b"HTTP/1.1 413")


# A process of its own.


def start(*options, environment=None):
    """Start a server; return the process and its address."""
    command = [sys.executable, "-m", "voxport", "serve", "commands", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--workers", "1", "--threads", "1", *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | (environment or {}),
    )
    lines = []
    while not lines or "listening on" not in lines[-1]:
        lines.append(process.stderr.readline())
        assert lines[-1], "".join(lines)
    return process, lines[-1].split()[3]


def test_a_stopped_server_answers_what_it_accepted_and_leaves_with_0(tmp_path):
    process, url = start(environment={"VOXPORT_API_KEYS": KEYS})
    path = write_wav(tmp_path / "a.wav", np.tile(recognizer_waveform(SAMPLE), 8))
    body, headers = form(file=path.read_bytes(), model="commands")
    headers["Authorization"] = "Bearer a-key-of-bob-45678"
    found = []

    def run():
        found.append(post(f"{url}/v1/audio/transcriptions", body, headers))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    while b"voxport_running_audio_seconds 0.0" in post(f"{url}/metrics", None, method="GET")[2]:
        threading.Event().wait(0.05)  # each is a line in the log, which nobody reads here
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(60)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    statuses = sorted(status for status, _, _ in found)
    assert set(statuses) <= {200, 503}  # refused if it had not come when the server was stopped
    assert 200 in statuses
    assert all(b"ONE TWO THREE" in content for status, _, content in found if status == 200)
    logged = [json.loads(line) for line in errors.splitlines()]
    assert all(entry["event"] == "request" for entry in logged)
    assert {entry.get("key") for entry in logged} == {"bob", None}
    assert "a-key-of-bob" not in errors
    assert "ONE" not in errors
    with pytest.raises(OSError, match="refused"):
        post(f"{url}/health", None, method="GET")


def test_a_port_that_is_taken_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "voxport", "serve", "commands", "--workers", "1"]
        done = subprocess.run([*command, "--port", port], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert f"voxport: error: cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "Traceback" not in done.stderr
