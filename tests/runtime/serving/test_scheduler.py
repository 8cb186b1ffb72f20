"""Turns, batches, admission, cancellation and failures, by a clock that the test moves."""

import threading
from collections import Counter

import numpy as np
import pytest

import voxport
from support import fakes
from support.data import ROOT
from voxport.audio.recording import Clip
from voxport.errors import EngineCrashError, InferenceError
from voxport.recognizer import Recognizer
from voxport.serving.fair_queue import FairQueue, WorkItem
from voxport.serving.request import Request, TooLongError
from voxport.serving.scheduler import (
    DeadlineError,
    GoneError,
    OverloadedError,
    Scheduler,
    StoppedError,
)
from voxport.serving.transcriber import Transcriber

RATE = 100
LIMIT = 30 * RATE  # padded samples of a batch


class Clock:
    """Time that stands until it is told otherwise."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def clip(seconds, value=0.0):
    return Clip(np.full(int(seconds * RATE), value, np.float32), seconds)


def echo(clips):
    return [float(item.waveform[0]) for item in clips]


def item(seconds, flow, deadline=None, run=echo):
    return WorkItem(run, clip(seconds), flow, int(seconds * RATE), seconds, deadline)


def flows(batch):
    return [entry.flow for entry in batch]


class Bench:
    """A scheduler without threads: the test runs each batch, and time passes as it says."""

    def __init__(self, speed=10.0, **settings):
        self.clock = Clock()
        self.batches, self.reports = [], []
        self.speed = speed
        self.scheduler = Scheduler(
            LIMIT, workers=0, clock=self.clock, observe=self.reports.append, **settings
        )

    def run(self, clips):
        seconds = [len(one.waveform) / RATE for one in clips]
        self.batches.append(seconds)
        self.clock.now += len(clips) * max(seconds) / self.speed
        return echo(clips)

    def ask(self, flow, *seconds, deadline=None):
        self.scheduler.admit(flow, sum(seconds))
        return [
            self.scheduler.submit(self.run, clip(one, one), int(one * RATE), one, flow, deadline)
            for one in seconds
        ]

    def run_all(self):
        while self.scheduler.run_next():
            pass


# The queue.


def test_a_short_request_passes_the_windows_of_a_long_one():
    queue = FairQueue(LIMIT)
    for _ in range(4):
        queue.put(item(40, "long"), 0)
    assert flows(queue.take(0)) == ["long"]
    queue.put(item(3, "short"), 1)
    assert flows(queue.take(1)) == ["short"]
    assert flows(queue.take(1)) == ["long"]


def test_long_requests_take_turns_by_seconds_of_audio():
    """Of two, one in windows of 20 s and one of 10 s, the second gets two turns for one."""
    queue = FairQueue(20 * RATE)
    for _ in range(6):
        queue.put(item(20, "a"), 0)
    for _ in range(12):
        queue.put(item(10, "b"), 0)
    given = Counter()
    for _ in range(9):
        for entry in queue.take(0):
            given[entry.flow] += entry.seconds
    assert abs(given["a"] - given["b"]) <= 20


def test_a_long_request_is_not_starved_by_short_ones():
    queue = FairQueue(10 * RATE)
    for _ in range(3):
        queue.put(item(40, "long"), 0)
    taken = []
    for number in range(120):  # as many as can be run
        queue.put(item(5, f"short {number}"), number)
        taken.append(flows(queue.take(number))[0])
    assert taken.count("long") == 3
    first, second, third = (place for place, flow in enumerate(taken) if flow == "long")
    assert first < 20
    assert third - second < 20  # 40 s of it for 40 to 80 s of the others


def test_a_request_that_comes_later_owes_nothing_and_is_owed_nothing():
    queue = FairQueue(10 * RATE)
    for number in range(5):
        queue.put(item(10, "busy"), 0)
        assert flows(queue.take(number)) == ["busy"]
    queue.put(item(10, "busy"), 5)
    queue.put(item(10, "new"), 5)
    queue.put(item(10, "new"), 5)
    assert sorted(flows(queue.take(5))[0] for _ in range(2)) == ["busy", "new"]
    assert flows(queue.take(5)) == ["new"]


def test_clips_of_any_requests_share_a_batch_up_to_the_limit_of_padded_samples():
    queue = FairQueue(LIMIT)
    for number in range(12):
        queue.put(item(3 - 0.05 * number, number), 0)
    batch = queue.take(0)
    assert len(batch) * max(entry.samples for entry in batch) <= LIMIT
    assert len(batch) == 10
    assert len(queue.take(0)) == 2


def test_clips_of_other_lengths_and_other_models_do_not_share_a_batch():
    queue = FairQueue(LIMIT)
    queue.put(item(2, "a"), 0)
    queue.put(item(20, "b"), 0)
    queue.put(item(2.9, "c"), 0)
    queue.put(item(2, "d", run=print), 0)
    assert [flows(queue.take(0)) for _ in range(3)] == [["a", "c"], ["d"], ["b"]]


def test_a_clip_longer_than_the_limit_runs_alone():
    queue = FairQueue(LIMIT)
    queue.put(item(100, "a"), 0)
    queue.put(item(100, "b"), 0)
    assert flows(queue.take(0)) == ["a"]


def test_a_clip_waits_for_company_no_longer_than_allowed():
    queue = FairQueue(LIMIT, longest_wait=0.05)
    queue.put(item(3, "a"), 1.0)
    assert queue.take(1.04) == []
    assert queue.due() == 1.05
    queue.put(item(3, "b"), 1.04)
    assert flows(queue.take(1.05)) == ["a", "b"]
    assert queue.due() is None


def test_a_full_batch_waits_for_nobody():
    queue = FairQueue(LIMIT, longest_wait=9)
    for number in range(10):
        queue.put(item(3, number), 0)
    assert len(queue.take(0)) == 10


# The scheduler.


def test_answers_are_those_of_their_own_clips():
    bench = Bench()
    asked = {flow: bench.ask(flow, 1 + flow / 10)[0] for flow in range(7)}
    bench.run_all()
    assert {flow: future.result(0) for flow, future in asked.items()} == pytest.approx(
        {flow: 1 + flow / 10 for flow in range(7)}
    )
    assert bench.batches == [[pytest.approx(1 + flow / 10) for flow in range(6)], [1.6]]
    assert bench.reports[0].fill == pytest.approx(sum(bench.batches[0]) / (6 * 1.5))


def test_short_requests_beside_a_long_one_wait_for_one_window_at_most():
    bench = Bench()
    bench.ask("hour", *[40.0] * 20)
    waits = []
    for number in range(8):
        bench.scheduler.run_next()
        asked = bench.clock.now
        future = bench.ask(f"short {number}", 3.0)[0]
        future.add_done_callback(lambda _, asked=asked: waits.append(bench.clock.now - asked))
        bench.scheduler.run_next()
    assert max(waits) == pytest.approx(3 / bench.speed)  # its own time: it is next


def test_audio_beyond_the_limit_of_the_queue_is_refused_with_a_time():
    bench = Bench(queue_seconds=60)
    bench.ask("a", 40.0)
    bench.ask("b", 20.0)
    with pytest.raises(OverloadedError, match="60 s of audio wait, and 60 s may") as caught:
        bench.ask("c", 30.0)
    assert caught.value.retry_after == pytest.approx(30 / bench.scheduler.speed)
    bench.run_all()
    bench.scheduler.release("a")
    bench.scheduler.release("b")
    bench.ask("c", 30.0)


def test_admission_counts_seconds_and_not_requests():
    bench = Bench(queue_seconds=60)
    for number in range(60):
        bench.ask(number, 1.0)
    with pytest.raises(OverloadedError):
        bench.ask("one more", 1.0)


def test_an_admitted_request_counts_before_it_is_read():
    bench = Bench(queue_seconds=60)
    bench.scheduler.admit("a", 50)
    assert bench.scheduler.queued_seconds == 50
    with pytest.raises(OverloadedError):
        bench.scheduler.admit("b", 20)


def test_an_empty_queue_admits_a_recording_of_any_length():
    bench = Bench(queue_seconds=60)
    bench.scheduler.admit("hour", 3600)


def test_a_released_request_is_not_run():
    bench = Bench()
    futures = bench.ask("gone", 3.0, 20.0) + bench.ask("here", 3.0)
    bench.scheduler.release("gone")
    bench.run_all()
    assert [isinstance(future.exception(0), GoneError) for future in futures] == [True, True, False]
    assert bench.batches == [[3.0]]
    assert bench.scheduler.queued_seconds == 3 - 3  # "here" was run
    late = bench.scheduler.submit(bench.run, clip(1), RATE, 1, "gone")
    assert isinstance(late.exception(0), GoneError)


def test_a_request_past_its_deadline_is_answered_so_and_not_run():
    bench = Bench()
    late = bench.ask("late", 3.0, deadline=5.0)[0]
    bench.clock.now = 6.0
    soon = bench.ask("soon", 3.0, deadline=9.0)[0]
    bench.run_all()
    with pytest.raises(DeadlineError):
        late.result(0)
    assert soon.result(0) == 3.0
    assert bench.batches == [[3.0]]


@pytest.mark.parametrize("error", [InferenceError("no memory"), ValueError("bad"), SystemExit(1)])
def test_one_clip_that_fails_fails_alone(error):
    bench = Bench()

    def run(clips):
        if any(one.waveform[0] == 2 for one in clips):
            raise error
        return echo(clips)

    futures = []
    for value in (1, 2, 3):
        bench.scheduler.admit(value, 1)
        futures.append(bench.scheduler.submit(run, clip(1, value), RATE, 1, value))
    bench.run_all()
    assert [futures[0].result(0), futures[2].result(0)] == [1, 3]
    with pytest.raises(InferenceError):
        futures[1].result(0)
    assert bench.reports[0].is_failed


def test_a_clip_whose_engine_crashed_runs_once_more():
    bench = Bench()
    runs = []

    def run(clips):
        runs.append(len(clips))
        if len(runs) == 1:
            raise EngineCrashError("crashed its process: signal 9")
        return echo(clips)

    bench.scheduler.admit("a", 1)
    future = bench.scheduler.submit(run, clip(1, 5), RATE, 1, "a")
    bench.run_all()
    assert (future.result(0), runs, bench.scheduler.failures_in_a_row) == (5, [1, 1], 0)


def test_a_clip_that_always_crashes_its_engine_is_an_error_after_two_runs():
    bench = Bench()
    runs = []

    def run(clips):
        runs.append(len(clips))
        raise EngineCrashError("crashed its process: signal 11")

    for flow in "abc":
        bench.scheduler.admit(flow, 1)
        future = bench.scheduler.submit(run, clip(1), RATE, 1, flow)
        bench.run_all()
        with pytest.raises(InferenceError, match="signal 11"):
            future.result(0)
    assert runs == [1] * 6
    assert bench.scheduler.failures_in_a_row == 3


def test_answers_of_a_wrong_number_are_no_answers():
    bench = Bench()
    bench.scheduler.admit("a", 1)
    future = bench.scheduler.submit(lambda clips: [], clip(1), RATE, 1, "a")
    bench.run_all()
    with pytest.raises(InferenceError):
        future.result(0)


def test_the_speed_is_learned_from_batches():
    bench = Bench(speed=100.0)
    for number in range(40):
        bench.ask(number, 10.0)
    bench.run_all()
    assert bench.scheduler.speed == pytest.approx(100, rel=0.05)


def test_a_worker_survives_what_its_function_raises():
    scheduler = Scheduler(LIMIT, workers=1)
    failing = iter([True, False])

    def run(clips):
        if next(failing):
            raise SystemExit(3)
        return echo(clips)

    scheduler.admit("a", 2)
    with pytest.raises(InferenceError, match="SystemExit"):
        scheduler.submit(run, clip(1), RATE, 1, "a").result(10)
    assert scheduler.submit(run, clip(1, 7), RATE, 1, "a").result(10) == 7
    scheduler.close()


def test_stopping_answers_what_was_admitted_and_refuses_the_rest():
    scheduler = Scheduler(LIMIT, workers=1)
    may_run = threading.Event()

    def run(clips):
        may_run.wait(10)
        return echo(clips)

    scheduler.admit("a", 2)
    futures = [scheduler.submit(run, clip(1, value), RATE, 1, "a") for value in (1, 2)]
    stopped = threading.Thread(target=scheduler.stop)
    stopped.start()
    assert not scheduler.stop(timeout=0)
    with pytest.raises(StoppedError):
        scheduler.admit("b", 1)
    may_run.set()
    assert [future.result(10) for future in futures] == [1, 2]
    scheduler.release("a")
    stopped.join(10)
    assert not stopped.is_alive()
    scheduler.close()


def test_closing_releases_what_waits():
    scheduler = Scheduler(LIMIT, workers=0)
    scheduler.admit("a", 1)
    future = scheduler.submit(echo, clip(1), RATE, 1, "a")
    scheduler.close()
    assert isinstance(future.exception(0), GoneError)


# The recognizer's answers through the scheduler.


def serve(recognizer, workers=2, samples=10**6):
    scheduler = Scheduler(samples, workers=workers)
    return scheduler, Transcriber(recognizer, scheduler)


def fake_recognizer(**given):
    return Recognizer(fakes.manifest(), fakes.artifact(), fakes.FakeBackend(), **given)


def test_a_long_recording_in_windows_has_the_recognizers_own_text():
    recognizer = fake_recognizer(whole_seconds=3, window_seconds=4)
    draw = np.random.default_rng(5)
    text = "".join(draw.choice(list("ABC|--"), 700))
    scheduler, transcriber = serve(recognizer)
    audio = fakes.say(text)
    expected = recognizer.transcribe(audio)
    said = []
    request = Request(said=said.append)
    assert transcriber.transcribe(audio, request) == expected
    assert request.audio_seconds == expected.duration
    assert len(said) > 4
    assert "".join(said) == expected.text
    scheduler.close()


def test_two_long_recordings_at_once_have_the_texts_of_each_alone():
    recognizer = fake_recognizer(whole_seconds=3, window_seconds=4)
    scheduler, transcriber = serve(recognizer)
    audio = [fakes.say("AB|C" * 100), fakes.say("C|BA-" * 90)]
    found = {}
    threads = [
        threading.Thread(
            target=lambda place=place: found.update({place: transcriber.transcribe(audio[place])})
        )
        for place in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[0], found[1]] == recognizer.transcribe(audio)
    scheduler.close()


@pytest.mark.parametrize("count", [10, 800])
def test_a_recording_longer_than_allowed_is_refused(count):
    recognizer = fake_recognizer(whole_seconds=3, window_seconds=4)
    scheduler, transcriber = serve(recognizer)
    with pytest.raises(TooLongError, match=r"longer than 0\.5 s"):
        transcriber.transcribe(fakes.say("AB" * count), Request(longest_seconds=0.5))
    assert scheduler.stop(0)
    scheduler.close()


def test_a_cancelled_recording_ends_its_thread():
    recognizer = fake_recognizer(whole_seconds=3, window_seconds=4)
    scheduler = Scheduler(10**6, workers=0)  # nobody runs it
    transcriber, request, raised = Transcriber(recognizer, scheduler), Request(), []

    def ask():
        try:
            transcriber.transcribe(fakes.say("AB" * 800), request)
        except GoneError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not scheduler.queued_seconds:
        threading.Event().wait(0.01)
    transcriber.cancel(request)
    thread.join(10)
    assert len(raised) == 1
    assert scheduler.queued_seconds == 0
    scheduler.close()


def test_many_requests_at_once_have_the_texts_of_each_alone():
    recognizer = voxport.load("commands", "cpu", threads=1)
    files = sorted((ROOT / "models/commands/samples").glob("*.flac"))
    expected = recognizer.transcribe([str(file) for file in files])
    scheduler, transcriber = serve(recognizer, samples=30 * 16_000)
    found, threads = {}, []
    for number, file in enumerate(files * 3):

        def ask(number=number, file=file):
            found[number] = transcriber.transcribe(str(file))

        threads.append(threading.Thread(target=ask))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert [found[number].text for number in range(len(threads))] == [
        item.text for item in expected * 3
    ]
    aligned = transcriber.align(str(ROOT / "models/commands/samples/yes.flac"), "yes")
    alone = recognizer.align(str(ROOT / "models/commands/samples/yes.flac"), "yes")
    assert aligned.words[0].start == alone.words[0].start
    scheduler.close()
