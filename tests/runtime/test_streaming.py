"""Streams in blocks of any size: each word comes once, whole, and is final in time."""

import importlib
import itertools
import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from typer.testing import CliRunner

import voxport
from support import data, fakes
from voxport import streaming
from voxport.audio.recording import read_clip
from voxport.cli import app
from voxport.errors import InputError
from voxport.recognizer import Recognizer
from voxport.streaming import StreamDecoder, StreamingRecognizer

RATE = 16_000
SPOKEN = ("one-two-three.flac", "no-down-off-on.flac", "left-right.flac")


def hear(stream, waveform, sizes):
    """Yield the events, each with the samples that had been given when it came."""
    place = 0
    sizes = itertools.repeat(sizes) if isinstance(sizes, int) else sizes
    for size in sizes:
        for event in stream.push(waveform[place : place + size]):
            yield min(len(waveform), place + size), event
        place += size
        if place >= len(waveform):
            break
    for event in stream.finish():
        yield len(waveform), event


def finals(events):
    return [word for _, event in events if event.final for word in event.words]


def delays(events, rate):
    """Return the seconds of audio from the end of each word until it was final."""
    return [
        given / rate - word.end for given, event in events if event.final for word in event.words
    ]


def sentence(count, pause, seed=0):
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(count):
        word = "".join(rng.choice(["A", "B", "C"], rng.integers(1, 5))) + "|"
        parts += [fakes.say(word, frames=4), np.zeros(int(rng.uniform(*pause) * fakes.RATE))]
    return np.concatenate(parts).astype(np.float32)


def timed(words):
    return [(word.text, word.start, word.end) for word in words]


@pytest.fixture
def fake():
    return Recognizer(fakes.manifest(), fakes.artifact(), fakes.FakeBackend())


@pytest.mark.parametrize("size", [37, 250, 5_000, 100_000])
@pytest.mark.parametrize("pause", [(0.02, 0.1), (0.1, 1.0), (0.5, 3.0)])
def test_every_word_comes_once(fake, size, pause):
    waveform = sentence(60, pause)
    found = finals(hear(StreamingRecognizer(fake, fakes.RATE), waveform, size))
    assert timed(found) == timed(fake.transcribe(waveform).words)


class Flickering:
    """A recognizer whose hypotheses differ from run to run, as real ones do.

    Of every three runs one has no delimiter; of every four one has all labels a frame later; of
    every five one does not hear the latest half second.
    """

    def __init__(self, recognizer):
        self._recognizer, self._run = recognizer, 0
        self.manifest = recognizer.manifest

    def emission(self, waveform):
        path = self._recognizer.emission(waveform).argmax(axis=1)
        self._run += 1
        if self._run % 3 == 0:
            path[path == 1] = 0
        if self._run % 4 == 0:
            path = np.concatenate([[0], path[:-1]])
        if self._run % 5 == 0:
            path[-50:] = 0
        return np.eye(len(fakes.LABELS), dtype=np.float32)[path]


def spikes(count, seed):
    """Return quick speech: labels of one frame, as CTC models give them, and short pauses."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(count):
        word = "-".join(rng.choice(["A", "B", "C"], rng.integers(2, 5))) + "---|"
        pause = np.zeros(int(rng.uniform(0.05, 0.2) * fakes.RATE))
        parts += [fakes.say(word, frames=1), pause]
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize("sizes", [37, 100, 400, 500, "mixed"])
def test_blocks_of_any_size_give_the_same_words(fake, sizes):
    waveform = np.append(spikes(30, seed=3), np.zeros(2 * fakes.RATE, np.float32))
    if sizes == "mixed":
        sizes = iter(np.random.default_rng(0).integers(1, 500, len(waveform)).tolist())
    found = [
        timed(finals(hear(StreamingRecognizer(Flickering(fake), fakes.RATE), waveform, given)))
        for given in (250, sizes)
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 30


class Scripted:
    """A recognizer that misses the B of every word in clips of some lengths, in samples."""

    def __init__(self, recognizer, lengths):
        self._recognizer, self._lengths = recognizer, lengths
        self.manifest = recognizer.manifest

    def emission(self, waveform):
        emission = self._recognizer.emission(waveform)
        if len(waveform) in self._lengths:
            emission[emission[:, 3] == 1] = np.eye(5, dtype=np.float32)[0]
        return emission


@pytest.mark.parametrize("missed", [(), (500, 750, 1000), (750, 1000, 1250)])
def test_a_word_waits_while_hypotheses_differ(fake, missed):
    """Two that agreed, and three of five, made a word final without the letter of those after."""
    waveform = np.append(fakes.say("ABC|"), np.zeros(3000, np.float32))
    stream = StreamingRecognizer(Scripted(fake, missed), fakes.RATE)
    events = list(hear(stream, waveform, 250))
    assert [word.text for word in finals(events)] == ["ABC"]
    assert max(delays(events, fakes.RATE)) <= 2


def test_silence_needs_half_the_runs(fake):
    list(hear(StreamingRecognizer(fake, fakes.RATE), np.zeros(6000, np.float32), 100))
    assert len(fake._backend.batches) == 12


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [100, 250])
def test_hypotheses_that_differ_change_no_final_word(fake, seed, size):
    """A final delimiter that was missing from the next run cost the next word its first letter."""
    waveform = np.append(spikes(40, seed), np.zeros(2 * fakes.RATE, np.float32))
    events = list(hear(StreamingRecognizer(Flickering(fake), fakes.RATE), waveform, size))
    expected = fake.transcribe(waveform).words
    assert [word.text for word in finals(events)] == [word.text for word in expected]
    assert max(delays(events, fakes.RATE)) <= 2


def test_a_word_holds_no_long_silence(fake):
    """Once in 333 words of real speech four runs missed the delimiter in a pause of 1.0 s."""
    waveform = np.concatenate(
        [fakes.say("AB"), np.zeros(900), fakes.say("CA"), np.zeros(500), fakes.say("B|")]
    ).astype(np.float32)
    found = finals(hear(StreamingRecognizer(fake, fakes.RATE), waveform, 100))
    assert [word.text for word in found] == ["AB", "CAB"]


@pytest.mark.parametrize("following", ["", "T", "TWO"])
@pytest.mark.parametrize("shift", [-2, 0, 2])
def test_final_letters_are_split_from_the_next_words(following, shift):
    """Where the delimiter is missing, "deleted" once tied with "replaced by the next letter"."""
    frames = [10, 14, 18, 30, 33, 36]
    letters = [
        streaming._Letter(ord(label), frame + shift, frame + shift + 1, 1.0, begins_word=False)
        for label, frame in zip("ONETWO", frames, strict=True)
    ]
    known = [ord(label) for label in following]
    for boundary in (20, 24, 28, 31):
        assert streaming._split(letters, [ord(label) for label in "ONE"], known, boundary, 15) == 3
        assert streaming._split(letters[3:], [], known, boundary, 15) == 0
        assert streaming._split(letters[:3], [ord(label) for label in "ONE"], [], boundary, 15) == 3


def test_a_letter_of_a_final_word_is_no_word_of_its_own(fake):
    """TW was final, some hypotheses had TWO: its O was taken for that of OFF, not yet heard."""
    decoder = StreamDecoder(fake.manifest.model, fakes.RATE)
    two = [_letter(label, frame) for label, frame in (("T", 180), ("W", 182), ("O", 190))]
    off = tuple(_letter(label, frame) for label, frame in (("O", 284), ("F", 288), ("F", 300)))
    decoder._final, decoder._boundary = tuple(two[:2]), 254
    before = streaming._Hypothesis(tuple(two), now=248)
    assert decoder._find_first(before, off) == 3
    after = streaming._Hypothesis((*two, *off), now=348)
    assert decoder._find_first(after, off) == 3


def _letter(label, frame):
    return streaming._Letter(ord(label), frame, frame + 1, 1.0, begins_word=False)


def test_a_missing_final_delimiter_swallows_no_letter(fake):
    """ONE is final with its delimiter; the next run has ONE and TWO without any between them."""

    class Forgetful(Flickering):
        def emission(self, waveform):
            path = self._recognizer.emission(waveform).argmax(axis=1)
            if len(waveform) > 2.2 * fakes.RATE:  # when the first word is final
                path[path == 1] = 0
            return np.eye(len(fakes.LABELS), dtype=np.float32)[path]

    waveform = np.concatenate(
        [fakes.say("-AB|"), np.zeros(1500, np.float32), fakes.say("CAB|"), np.zeros(3000)]
    ).astype(np.float32)
    stream = StreamingRecognizer(Forgetful(fake), fakes.RATE)
    assert [word.text for word in finals(hear(stream, waveform, 100))] == ["AB", "CAB"]


@pytest.mark.parametrize("pause", [(0.02, 0.1), (0.5, 3.0)])
@pytest.mark.parametrize("sizes", [50, 250, 500, "mixed"])
def test_words_are_final_within_two_seconds(fake, pause, sizes):
    if sizes == "mixed":
        rng = np.random.default_rng(0)
        sizes = (int(size) for size in iter(lambda: rng.choice([20, 100, 250, 400, 500]), None))
    events = list(hear(StreamingRecognizer(fake, fakes.RATE), sentence(60, pause), sizes))
    assert max(delays(events, fakes.RATE)) <= 2


def test_a_window_is_ten_seconds_at_most(fake):
    list(hear(StreamingRecognizer(fake, fakes.RATE), sentence(300, (0.05, 0.5)), 1000))
    assert max(map(max, fake._backend.batches)) <= 10 * fakes.RATE


def test_a_model_without_a_delimiter_is_not_held_back():
    """Its words never end, so letters are final when they are old, and the window is bounded."""
    recognizer = Recognizer(
        fakes.manifest(word_delimiter=None), fakes.artifact(), fakes.FakeBackend()
    )
    waveform = np.tile(fakes.say("A-B-C-"), 100)
    found = finals(hear(StreamingRecognizer(recognizer, fakes.RATE), waveform, 250))
    assert "".join(word.text for word in found) == recognizer.transcribe(waveform).text
    assert len(found) > 3
    assert max(map(max, recognizer._backend.batches[:-1])) <= 11 * fakes.RATE


def test_silence_has_no_events(fake):
    silence = np.zeros(60_000, np.float32)
    assert list(hear(StreamingRecognizer(fake, fakes.RATE), silence, 250)) == []


def test_a_preview_comes_before_final_words(fake):
    (*_, (_, preview)) = [
        item
        for item in hear(StreamingRecognizer(fake, fakes.RATE), fakes.say("AB|C", 30), 300)
        if not item[1].final
    ]
    assert preview.text == "AB C"


def test_a_pause_makes_all_words_final(fake):
    stream = StreamingRecognizer(fake, fakes.RATE)
    stream.push(fakes.say("AB|", 30))
    assert [event.text for event in stream.pause() if event.final] == ["AB"]
    assert stream.pause() == []
    assert finals((0, event) for event in stream.push(np.zeros(3000, np.float32))) == []


def test_a_block_of_several_channels_is_refused(fake):
    with pytest.raises(InputError, match=r"a block of mono samples \(S,\), got \[100, 2\]"):
        StreamingRecognizer(fake, fakes.RATE).push(np.zeros((100, 2), np.float32))


def test_many_streams_share_the_batches_of_one_recognizer(fake):
    waveforms = [sentence(20, (0.1, 1.0), seed) for seed in range(3)]
    streams = [StreamDecoder(fake.manifest.model, fakes.RATE) for _ in waveforms]
    words = [[] for _ in waveforms]

    def run_clips():
        clips = {
            i: clip for i, stream in enumerate(streams) if (clip := stream.next_clip()) is not None
        }
        emissions = fake.emission(list(clips.values()))
        for index, emission in zip(clips, emissions, strict=True):
            words[index] += finals((0, event) for event in streams[index].take(emission))

    for place in range(0, max(map(len, waveforms)), 250):
        for stream, waveform in zip(streams, waveforms, strict=True):
            stream.push(waveform[place : place + 250])
        run_clips()
    for stream in streams:
        stream.finish()
    run_clips()
    alone = [hear(StreamingRecognizer(fake, fakes.RATE), each, 250) for each in waveforms]
    assert [timed(found) for found in words] == [timed(finals(events)) for events in alone]


def test_audio_that_waits_while_a_clip_runs_is_heard_a_second_at_a_time(fake):
    decoder = StreamDecoder(fake.manifest.model, fakes.RATE)
    decoder.push(fakes.say("AB|"))
    assert decoder.next_clip() is None
    decoder.push(np.zeros(500, np.float32))
    first = decoder.next_clip()
    decoder.push(np.zeros(3000, np.float32))
    decoder.finish()
    assert decoder.next_clip() is first
    assert [event.text for event in decoder.take(fake.emission(first))] == ["AB"]
    lengths = [len(first)]
    events = []
    while (clip := decoder.next_clip()) is not None:
        lengths.append(len(clip))
        events += decoder.take(fake.emission(clip))
    assert lengths == [500, 1500, 2500, 3500, 3600]
    assert [event.text for event in events if event.final] == ["AB"]


def test_an_emission_without_a_clip_is_refused(fake):
    decoder = StreamDecoder(fake.manifest.model, fakes.RATE)
    with pytest.raises(InputError, match=r"next_clip\(\)"):
        decoder.take(np.zeros((3, 5), np.float32))


def test_the_old_module_still_works_and_warns():
    sys.modules.pop("voxport.live", None)
    with pytest.warns(DeprecationWarning, match="StreamingRecognizer"):
        old = importlib.import_module("voxport.live")
    assert old.Live is StreamingRecognizer


def joined(count, seed):
    """Return shipped recordings in random order with random pauses between them."""
    rng = np.random.default_rng(seed)
    names = ["four-zero-nine", "left-right", "no-down-off-on", "one-two-three", "stop", "yes"]
    clips = [read_clip(data.SAMPLES / f"{name}.flac", RATE).waveform for name in names]
    parts = []
    for index in rng.integers(0, len(clips), count):
        pause = rng.normal(size=int(rng.uniform(0, 1.2) * RATE)) * 1e-4
        parts += [clips[index], pause.astype(np.float32)]
    return np.concatenate(parts)


def compare_with_whole(recognizer, waveform, seed):
    """Require the final words of a stream in random blocks to be the whole recording's."""
    rng = np.random.default_rng(seed)
    sizes = (int(size) for size in iter(lambda: rng.choice([800, 1600, 4000, 6000, 8000]), None))
    events = list(hear(StreamingRecognizer(recognizer, RATE), waveform, sizes))
    expected = [word.text for word in recognizer.transcribe(waveform).words]
    assert [word.text for word in finals(events)] == expected
    assert max(delays(events, RATE)) <= 2
    return len(expected)


def test_final_words_equal_the_whole_recordings():
    recognizer = voxport.load("commands", provider="cpu")
    assert compare_with_whole(recognizer, joined(4, seed=0), seed=0) > 5


@pytest.mark.slow
def test_a_thousand_final_words_equal_the_whole_recordings():
    """Real speech in random joins, in blocks of 0.05 to 0.5 s."""
    recognizer = voxport.load("commands", provider="cpu")
    words = seed = 0
    while words < 1000:
        words += compare_with_whole(recognizer, joined(7, seed), seed)
        seed += 1


@pytest.fixture(scope="module")
def speech():
    """Return ten seconds of the shipped recordings, and the words in them."""
    clips = [read_clip(data.SAMPLES / name, RATE).waveform for name in SPOKEN]
    pause = np.zeros(RATE // 2, np.float32)
    waveform = np.concatenate([part for clip in clips for part in (clip, pause)])
    return waveform, [name.partition(".")[0].upper().replace("-", " ") for name in SPOKEN]


def command(*args):
    code = "from voxport.cli import main; main()"
    return [sys.executable, "-c", code, "transcribe", "commands", "-", "--follow", *args]


@pytest.mark.slow  # it is measured by the clock
def test_words_are_final_within_two_seconds_by_the_clock(speech):
    waveform, said = speech
    before = np.concatenate([waveform[: 3 * RATE], np.zeros(2 * RATE, np.float32)])
    process = subprocess.Popen(
        command("--raw", f"{RATE}:s16le", "--format", "json"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    feed(process, before)  # its first word is the sign that the model is loaded
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
    waits = [at - start - (event["words"][0]["end"] - offset) for at, event in final]
    assert max(waits) <= 2, waits


def feed(process, waveform):
    process.stdin.write((waveform * 32767).astype("<i2").tobytes())
    process.stdin.flush()


def listen(lines, heard):
    for line in lines:
        heard.append((time.monotonic(), json.loads(line)))


def test_the_command_prints_final_words_with_their_times(speech):
    waveform, said = speech
    content = (waveform * 32767).astype("<i2").tobytes()
    done = CliRunner().invoke(
        app, ["transcribe", "commands", "-", "--follow", "--raw", "16000"], input=content
    )
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert " ".join(line.partition("] ")[2] for line in lines) == " ".join(said)
    assert all(line.startswith("[00:00:") for line in lines)


def test_a_truncated_stream_is_an_error(speech):
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
def test_options_that_do_not_fit_a_stream_are_refused(args, message):
    done = CliRunner().invoke(app, ["transcribe", "commands", *args])
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
