"""The load test's own arithmetic, and one measurement of a server."""

import asyncio
import json

import pytest

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
pytest.importorskip("uvicorn", reason='pip install "voxport[serve]"')

from benchmarks.serving import measurements, page
from benchmarks.serving.client import Answer, Client, Clip, describe_batches, encode, read_figures
from support.serving import SAMPLES, running


def answers(*latencies, status=200):
    clip = Clip("a", 2.0, b"")
    return [Answer(clip, status, latency, "") for latency in latencies]


def test_percentiles_are_values_that_were_measured():
    values = [float(number) for number in range(1, 101)]
    assert [measurements.percentile(values, share) for share in (50, 95, 99)] == [51, 96, 100]
    assert measurements.percentile([], 50) is None


def test_an_answer_that_did_not_come_is_beyond_every_allowance():
    found = measurements._describe_excess(
        [*answers(0.2, 0.25, 0.9), *answers(0.0, status=429)], {"a": 0.1}, 0.3
    )
    assert found["within_allowance"] == 0.5
    assert found["excess_p50_s"] == pytest.approx(0.8)


def test_only_answers_count_as_audio_done():
    found = measurements._describe([*answers(0.5, 0.5), *answers(0.1, status=429)], 2.0)
    assert found["audio_seconds_per_second"] == 2.0
    assert found["statuses"] == {"200": 2, "429": 1}
    assert found["p99_s"] == 0.5


def test_the_client_gets_the_texts_and_the_figures(recognizer):
    files = [SAMPLES / "one-two-three.flac", SAMPLES / "yes.flac"]
    clips = [encode(path, 1.0, "commands") for path in files]

    async def ask(server):
        client = Client("127.0.0.1", int(server.url.rpartition(":")[2]))
        before = read_figures(await client.get("/metrics"))
        found = await asyncio.gather(*(client.ask(clip) for clip in clips * 3))
        after = read_figures(await client.get("/metrics"))
        client.close()
        return found, describe_batches(before, after)

    with running() as server:
        found, batches = asyncio.run(ask(server))
    assert [one.text for one in found] == [
        recognizer.transcribe(str(path)).text for path in files
    ] * 3
    assert batches["batch_rows"] >= 1
    assert 0 < batches["batch_fill"] <= 1


@pytest.fixture
def recognizer():
    import voxport

    return voxport.load("commands", "cpu", threads=1)


def test_the_page_has_a_table_for_each_measurement(tmp_path):
    rows = [{"clients": 64, "audio_seconds_per_second": 99.5, "statuses": {"200": 7, "429": 1}}]
    result = {
        "measurement": "throughput",
        "package": "commands",
        "command": "python -m benchmarks.serving throughput",
        "machine": {"cpu": "a processor", "cores": 2},
        "found": {"audio_seconds": 60.0, "rows": rows},
    }
    (tmp_path / "serving-throughput-commands.json").write_text(json.dumps(result), "utf-8")
    text = page.write(tmp_path).read_text("utf-8")
    assert "## throughput: commands" in text
    assert "- audio seconds: 60.0" in text
    assert "| 64 | 99.5 | 7 of 200, 1 of 429 |" in text
