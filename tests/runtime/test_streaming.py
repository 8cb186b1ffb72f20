"""A stream: every word once, final in time, whatever portions it comes in."""

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from support import data, fakes
from voxport.audio.recording import read_clip
from voxport.cli import app
from voxport.recognizer import Recognizer
from voxport.streaming import OVERDUE_AFTER_S, STEP_S, StreamingRecognizer

RATE = 16_000
SPOKEN = ("one-two-three.flac", "no-down-off-on.flac", "left-right.flac")


def hear(live, waveform, portion):
    """The events, each with the seconds that had been given when it came."""
    for start in range(0, len(waveform), portion):
        for event in live.push(waveform[start : start + portion]):
            yield min(len(waveform), start + portion), event
    for event in live.finish():
        yield len(waveform), event


def finals(events):
    return [word for _, event in events if event.final for word in event.words]


def sentence(count, pause, seed=0):
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(count):
        word = "".join(rng.choice(["A", "B", "C"], rng.integers(1, 5))) + "|"
        parts += [fakes.say(word, frames=4), np.zeros(int(rng.uniform(*pause) * fakes.RATE))]
    return np.concatenate(parts).astype(np.float32)


@pytest.fixture
def fake():
    return Recognizer(fakes.manifest(), fakes.artifact(), fakes.FakeBackend())


@pytest.mark.parametrize("portion", [37, 250, 5_000, 100_000])
@pytest.mark.parametrize("pause", [(0.02, 0.1), (0.1, 1.0), (0.5, 3.0)])
def test_every_word_comes_once(fake, portion, pause):
    waveform = sentence(60, pause)
    expected = fake.transcribe(waveform).words
    found = finals(hear(StreamingRecognizer(fake, fakes.RATE), waveform, portion))
    assert [(word.text, word.start, word.end) for word in found] == [
        (word.text, word.start, word.end) for word in expected
    ]


@pytest.mark.parametrize("pause", [(0.02, 0.1), (0.5, 3.0)])
def test_words_are_final_in_time(fake, pause):
    for given, event in hear(StreamingRecognizer(fake, fakes.RATE), sentence(60, pause), 50):
        if event.final:
            oldest = min(word.end for word in event.words)
            assert given / fakes.RATE - oldest <= OVERDUE_AFTER_S + STEP_S + 0.1


def test_the_model_never_hears_much(fake):
    list(hear(StreamingRecognizer(fake, fakes.RATE), sentence(300, (0.05, 0.5)), 1000))
    assert max(map(max, fake._backend.batches)) <= 10 * fakes.RATE


def test_silence_says_nothing(fake):
    assert (
        list(hear(StreamingRecognizer(fake, fakes.RATE), np.zeros(60_000, np.float32), 250)) == []
    )


def test_partial_results_come_first(fake):
    (*_, (_, partial)) = [
        item
        for item in hear(StreamingRecognizer(fake, fakes.RATE), fakes.say("AB|C", 30), 300)
        if not item[1].final
    ]
    assert partial.text == "AB C"


def test_all_is_final_where_the_stream_pauses(fake):
    live = StreamingRecognizer(fake, fakes.RATE)
    live.push(fakes.say("AB|", 30))
    assert [event.text for event in live.pause() if event.final] == ["AB"]
    assert live.pause() == []
    assert finals((0, event) for event in live.push(np.zeros(3000, np.float32))) == []


@pytest.fixture(scope="module")
def speech():
    """Some ten seconds of the shipped recordings, and the words in them."""
    clips = [read_clip(data.SAMPLES / name, RATE).waveform for name in SPOKEN]
    pause = np.zeros(RATE // 2, np.float32)
    waveform = np.concatenate([part for clip in clips for part in (clip, pause)])
    return waveform, [name.partition(".")[0].upper().replace("-", " ") for name in SPOKEN]


def command(*args):
    code = "from voxport.cli import main; main()"
    return [sys.executable, "-c", code, "transcribe", "commands", "-", "--follow", *args]


def test_a_stream_in_real_time(speech):
    """Its words are final within two seconds of their end, by the clock."""
    waveform, said = speech
    before = np.concatenate([waveform[: 3 * RATE], np.zeros(2 * RATE, np.float32)])
    process = subprocess.Popen(
        command("--raw", f"{RATE}:s16le", "--format", "json"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    feed(process, before)  # until something is heard of that, the model is being loaded
    first = json.loads(process.stdout.readline())
    heard = [(0.0, first)]
    listener = threading.Thread(target=listen, args=(process.stdout, heard))
    listener.start()
    time.sleep(1)
    start, step = time.monotonic(), RATE // 10
    for place in range(0, len(waveform), step):
        time.sleep(max(0, start + (place + step) / RATE - time.monotonic()))
        feed(process, waveform[place : place + step])
    process.stdin.close()
    listener.join()
    process.stdout.close()
    assert process.wait() == 0
    offset = len(before) / RATE
    final = [(at, event) for at, event in heard if event["final"] and event["start"] > offset]
    assert " ".join(event["text"] for _, event in final) == " ".join(said)
    delays = [at - start - (event["words"][0]["end"] - offset) for at, event in final]
    assert max(delays) <= 2, delays


def feed(process, waveform):
    process.stdin.write((waveform * 32767).astype("<i2").tobytes())
    process.stdin.flush()


def listen(lines, heard):
    for line in lines:
        heard.append((time.monotonic(), json.loads(line)))


def test_text(speech):
    waveform, said = speech
    content = (waveform * 32767).astype("<i2").tobytes()
    done = CliRunner().invoke(
        app, ["transcribe", "commands", "-", "--follow", "--raw", "16000"], input=content
    )
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert " ".join(line.partition("] ")[2] for line in lines) == " ".join(said)
    assert all(line.startswith("[00:00:") for line in lines)


def test_a_stream_that_ends_early(speech):
    content = (data.SAMPLES / "seven.wav").read_bytes()[:-2000]
    done = CliRunner().invoke(app, ["transcribe", "commands", "-", "--follow"], input=content)
    assert done.exit_code == 1
    assert "truncated" in done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-", "--raw", "16000"], "--raw needs --follow"),
        (["a.wav", "--follow"], "standard input (-) alone"),
        (["-", "-", "--follow"], "can be read once"),
        (["-", "--follow", "-f", "srt"], "prints txt or json"),
        (["-", "--follow", "-o", "out"], "standard input (-) alone"),
        (["-", "--follow", "--beam", "5"], "decodes greedily"),
        (["-", "--follow", "--raw", "mp3"], "RATE:FORMAT:CHANNELS"),
    ],
)
def test_refused(args, message):
    done = CliRunner().invoke(app, ["transcribe", "commands", *args])
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
