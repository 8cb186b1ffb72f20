"""Recognizer: order, batches and failures, mostly with a fake backend that spells its input."""

import gzip
import io
import lzma
from pathlib import Path

import numpy as np
import pytest
import soundfile

import voxport
from support import data, fakes
from voxport.backends.contract import EMISSION
from voxport.decoding.beam_search import BeamSearch
from voxport.errors import AudioError, AudioNotFoundError, InferenceError, InputError
from voxport.machine import memory
from voxport.recognizer import Recognizer

WORDS = ["A", "ABC", "", "A|B", "CAB|ABC|CAB", "B"]


@pytest.fixture
def backend():
    return fakes.FakeBackend()


@pytest.fixture
def recognizer(backend):
    return Recognizer(fakes.manifest(), fakes.artifact(), backend)


def texts(transcripts):
    return [transcript.text for transcript in transcripts]


def test_answers_of_a_list_keep_its_order(recognizer):
    found = recognizer.transcribe([fakes.say(word) for word in WORDS])
    assert texts(found) == [word.replace("|", " ") for word in WORDS]
    assert recognizer.transcribe([]) == []
    assert recognizer.transcribe(()) == []


def test_a_list_is_answered_as_its_recordings_alone(recognizer):
    waveforms = [fakes.say(word) for word in WORDS]
    assert recognizer.transcribe(waveforms) == [recognizer.transcribe(w) for w in waveforms]


def test_recordings_of_like_length_share_a_batch(backend):
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), backend, batch_seconds=0.2)
    waveforms = [np.zeros(n, np.float32) for n in (30, 150, 40, 500, 35, 37)]
    recognizer.transcribe(waveforms)
    # On a CPU the longest is at most 1.25 times the shortest.
    assert sorted(backend.batches) == [[30, 35, 37], [40], [150], [500]]


def test_first_answers_come_before_all_recordings_are_read(backend):
    """So hours of files are never in memory at once."""
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), backend, batch_seconds=0.1)
    read = 0

    def inputs():
        nonlocal read
        for _ in range(100):
            read += 1
            yield fakes.say("A")

    outcomes = recognizer.transcribe_each(inputs())
    assert next(outcomes).transcript.text == "A"
    assert read < 40
    assert sum(1 for _ in outcomes) == 99


def test_a_list_mixes_paths_arrays_and_bytes(recognizer, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, fakes.say("AB"), 1000, subtype="FLOAT")
    found = recognizer.transcribe([path, str(path), fakes.say("AB"), path.read_bytes()])
    assert texts(found) == ["AB"] * 4


def test_an_error_in_a_list_names_its_recording(recognizer):
    with pytest.raises(AudioError, match=r"^audio\[1\]: .*NaN"):
        recognizer.transcribe([fakes.say("A"), np.array([np.nan])])
    with pytest.raises(AudioNotFoundError, match=r"^x\.wav: there is no such file"):
        recognizer.transcribe([fakes.say("A"), "x.wav"])
    with pytest.raises(AudioNotFoundError, match=r"^y\.wav: there is no such file"):
        recognizer.transcribe([Path("y.wav")])
    with pytest.raises(InputError, match=r"^audio\[0\]: expected a path"):
        recognizer.transcribe([0.5, 0.25])


def test_a_failing_recording_stops_no_other(recognizer):
    inputs = ["x.wav", fakes.say("A"), np.array([np.nan]), fakes.say("B")]
    outcomes = list(recognizer.transcribe_each(inputs))
    assert [outcome.transcript and outcome.transcript.text for outcome in outcomes] == [
        None,
        "A",
        None,
        "B",
    ]
    assert [outcome.name for outcome in outcomes] == ["x.wav", *(f"audio[{i}]" for i in (1, 2, 3))]
    assert isinstance(outcomes[0].error, AudioNotFoundError)
    assert outcomes[1].error is None


@pytest.mark.parametrize(
    "audio", ["yes.flac", Path("yes.flac"), b"RIFF", fakes.say("A"), io.BytesIO(b"RIFF"), None]
)
def test_a_single_recording_is_refused_as_a_list(recognizer, audio):
    with pytest.raises(InputError, match="expected a list of recordings, or an iterator over"):
        recognizer.transcribe_each(audio)


def test_an_empty_path_is_refused(recognizer):
    with pytest.raises(InputError, match=r"^the audio: expected the path of an audio file, got ''"):
        recognizer.transcribe("")
    with pytest.raises(InputError, match=r"^audio\[1\]: expected the path"):
        recognizer.transcribe([fakes.say("A"), ""])


def test_a_failing_batch_is_run_again_one_by_one():
    backend = fakes.FakeBackend(most_samples=200)
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), backend)
    outcomes = list(recognizer.transcribe_each([fakes.say("A"), fakes.say("ABCABCABC")]))
    assert outcomes[0].transcript.text == "A"
    assert isinstance(outcomes[1].error, InferenceError)
    with pytest.raises(InferenceError, match=r"^audio\[1\]: out of memory"):
        recognizer.transcribe([fakes.say("A"), fakes.say("ABCABCABC")])


class Broken:
    def read(self, size=-1):
        raise OSError(5, "Input/output error")


def test_a_failing_file_object_stops_no_other(recognizer):
    outcomes = list(recognizer.transcribe_each([Broken(), fakes.say("A")]))
    assert str(outcomes[0].error) == "audio[0]: cannot be read: Input/output error"
    assert outcomes[0].error.reason == "cannot be read: Input/output error"
    assert outcomes[1].transcript.text == "A"


def cut_gzip():
    """A compressed wav file whose download broke off: its reader raises EOFError."""
    return gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(bytes(range(256)) * 400)[:-200]))


def cut_xz():
    return lzma.LZMAFile(io.BytesIO(lzma.compress(bytes(range(256)) * 400)[:-40]))


def damaged_gzip():
    content = bytearray(gzip.compress(np.random.default_rng(0).bytes(100_000)))
    content[50:90] = bytes(40)
    return gzip.GzipFile(fileobj=io.BytesIO(bytes(content)))


class Raising:
    """Recording of a foreign library, whose own errors are no OSError."""

    def __init__(self, error, method):
        self._error = error
        if method == "read":
            self.read = self._fail
        else:
            self.__class__ = type("RaisingArray", (Raising,), {"__array__": self._fail})

    def _fail(self, *_, **__):
        raise self._error


class BytesPath:
    def __fspath__(self):
        return b"missing.wav"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (cut_gzip, "cannot be read: Compressed file ended before"),
        (damaged_gzip, "cannot be read: "),
        (cut_xz, "cannot be read: Compressed file ended before"),
        (lambda: Raising(RuntimeError("no connection"), "read"), "cannot be read: no connection"),
        (lambda: Raising(KeyError("shape"), "array"), "cannot be read as an array: 'shape'"),
        (lambda: Raising(StopIteration(), "read"), "cannot be read: StopIteration"),
    ],
)
def test_whatever_a_stream_raises_is_the_error_of_its_recording(recognizer, make, reason):
    """And the recordings after it are transcribed."""
    outcomes = list(recognizer.transcribe_each([fakes.say("A"), make(), fakes.say("B")]))
    assert [outcome.transcript and outcome.transcript.text for outcome in outcomes] == [
        "A",
        None,
        "B",
    ]
    assert isinstance(outcomes[1].error, AudioError)
    assert outcomes[1].error.reason.startswith(reason)
    assert outcomes[1].error.subject == "audio[1]"


def test_a_path_of_bytes_is_a_path(recognizer):
    with pytest.raises(AudioNotFoundError, match=r"^missing\.wav: there is no such file"):
        recognizer.transcribe(BytesPath())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_error_of_a_recording(recognizer, error):
    with pytest.raises(error):
        list(recognizer.transcribe_each([Raising(error(), "read")]))


@pytest.mark.parametrize("value", [3.4e38, -3.4e38, 1e30])
@pytest.mark.parametrize("decoder", [None, BeamSearch(width=4)])
def test_samples_that_overflow_are_refused_and_no_empty_text(value, decoder):
    recognizer = voxport.load("commands", "cpu", decoder=decoder)
    waveform = np.full(16_000, value, np.float32)
    with pytest.raises(AudioError, match=r"^the audio: holds samples of more than"):
        recognizer.transcribe(waveform)


def test_a_wrong_sample_rate_names_the_recording(recognizer):
    with pytest.raises(InputError, match=r"^audio\[0\]: sample_rate must be"):
        recognizer.transcribe([fakes.say("A")], "x")


def test_a_recording_too_long_for_the_memory_is_refused_before_it_runs(backend, monkeypatch):
    backend.provider = "CPUExecutionProvider"
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), backend, window_seconds=60)
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    short, long = fakes.say("A"), np.zeros(60_000, np.float32)
    outcomes = list(recognizer.transcribe_each([short, long]))
    assert outcomes[0].transcript.text == "A"
    assert outcomes[1].error.reason.startswith("1 min 0 s needs more than 0.3 GB to run at once")
    assert outcomes[1].error.subject == "audio[1]"
    assert max(map(max, backend.batches)) == len(short)
    with pytest.raises(InferenceError, match=r"^the audio: 1 min 0 s needs"):
        recognizer.emission(long)


@pytest.mark.parametrize("samples", [0, 1, fakes.RECEPTIVE_FIELD - 1])
def test_a_recording_shorter_than_the_receptive_field_is_empty(recognizer, samples):
    waveform = np.ones(samples, np.float32)
    found = recognizer.transcribe(waveform)
    assert (found.text, found.words, found.tokens) == ("", (), ())
    assert found.duration == samples / fakes.RATE
    assert recognizer.emission(waveform).shape == (0, len(fakes.LABELS))


def test_the_emission_is_the_graphs_alone(recognizer, backend):
    emission = recognizer.emission(fakes.say("AB", frames=2))
    assert emission.dtype == np.float32
    assert emission.argmax(axis=1).tolist() == [2, 2, 3, 3]
    assert backend.asked == [EMISSION]


def test_emissions_of_a_list_are_batched_and_keep_its_order(recognizer, backend):
    waveforms = [fakes.say(word) for word in WORDS]
    together = recognizer.emission(waveforms)
    assert sorted(backend.batches) == [[10], [40, 40], [100, 100], [340]]
    assert all(
        (one == recognizer.emission(w)).all() for one, w in zip(together, waveforms, strict=True)
    )
    assert recognizer.emission([]) == []


def test_alignment_of_a_list_is_batched(recognizer, backend):
    waveforms = [fakes.say("A-B"), fakes.say("C"), fakes.say("B")]
    texts = ["ab", "c", "b"]
    together = recognizer.align(waveforms, texts)
    assert sorted(backend.batches) == [[40, 40], [100]]
    assert together == [recognizer.align(*pair) for pair in zip(waveforms, texts, strict=True)]


@pytest.mark.parametrize("call", ["transcribe", "emission", "align"])
def test_the_first_error_of_a_list_is_raised_with_its_recordings_name(recognizer, call):
    texts = [["a", "b", "c"]] if call == "align" else []
    with pytest.raises(AudioError, match=r"^audio\[1\]: holds samples that are not numbers"):
        getattr(recognizer, call)([fakes.say("A"), np.array([np.nan]), "missing.wav"], *texts)


@pytest.mark.parametrize("call", ["transcribe", "emission", "align"])
def test_an_error_of_one_recording_has_its_name_once(recognizer, call, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"no audio at all")
    with pytest.raises(AudioError) as caught:
        getattr(recognizer, call)(path, *(["a"] if call == "align" else []))
    assert str(caught.value).count("a.wav") == 1
    assert caught.value.subject == str(path)


class DeafBackend(fakes.FakeBackend):
    """Backend that answers recordings of more than 100 samples with NaN."""

    def run(self, waveform, lengths, outputs=EMISSION):
        output = super().run(waveform, lengths, outputs)
        output.emission[lengths > 100] = np.nan
        return output


def test_an_emission_of_nan_is_an_error_and_no_empty_text():
    """Of a beam search too, which would fail on it with a traceback."""
    recognizer = Recognizer(
        fakes.manifest(), fakes.artifact(), DeafBackend(), decoder=BeamSearch(width=4)
    )
    short, long = fakes.say("A"), fakes.say("ABCABC")
    outcomes = list(recognizer.transcribe_each([short, long, short]))
    assert [outcome.transcript and outcome.transcript.text for outcome in outcomes] == [
        "A",
        None,
        "A",
    ]
    assert isinstance(outcomes[1].error, InferenceError)
    assert str(outcomes[1].error).startswith("audio[1]: model.onnx: gave an emission that holds")
    with pytest.raises(InferenceError, match="not numbers"):
        recognizer.align(long, "abc")


def test_outcomes_that_nobody_waits_for_leave_no_file_open(windowed, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, said(20) / 8, fakes.RATE)
    with path.open("rb") as file:
        outcomes = windowed.transcribe_each([fakes.say("A"), file])
        assert next(outcomes).transcript.text == "A"
        outcomes.close()


def test_an_array_is_resampled_to_the_models_rate(recognizer):
    found = recognizer.transcribe(np.repeat(fakes.say("A", 20), 2), sample_rate=2000)
    assert found.duration == pytest.approx(0.21)


# Long recordings. The fake has no context, so that windows must give the answer of the whole.


def said(seconds, seed=0):
    """Return words with pauses of silence, for some ``seconds``."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * fakes.RATE:
        word = "".join(rng.choice(["A", "B", "C", "|"], rng.integers(1, 6)))
        parts += [fakes.say(word, frames=int(rng.integers(1, 4))), np.zeros(rng.integers(200))]
    return np.concatenate(parts).astype(np.float32)


@pytest.fixture
def windowed(backend):
    return Recognizer(
        fakes.manifest(), fakes.artifact(), backend, whole_seconds=8, window_seconds=8
    )


@pytest.mark.parametrize("seconds", [7, 8.5, 12, 30, 100])
def test_windows_give_the_answer_of_the_whole(recognizer, windowed, backend, seconds):
    waveform = said(seconds, seed=int(seconds))
    found, expected = windowed.transcribe(waveform), recognizer.transcribe(waveform)
    assert found.text == expected.text
    assert found.duration == expected.duration
    assert [(t.text, t.start, t.end) for t in found.tokens] == [
        (t.text, t.start, t.end) for t in expected.tokens
    ]
    assert (windowed.emission(waveform) == recognizer.emission(waveform)).all()


def test_windows_are_short_and_batched(backend):
    recognizer = Recognizer(
        fakes.manifest(),
        fakes.artifact(),
        backend,
        batch_seconds=16,
        whole_seconds=8,
        window_seconds=8,
    )
    recognizer.transcribe(said(60))
    assert max(map(max, backend.batches)) <= 8 * fakes.RATE
    assert {len(batch) for batch in backend.batches[:-1]} == {2}


def test_long_and_short_recordings_share_a_list(windowed):
    inputs = [said(3, 1), said(20, 2), "x.wav", said(2, 3), np.full(20_000, np.nan), said(9, 4)]
    outcomes = list(windowed.transcribe_each(inputs))
    assert [outcome.name for outcome in outcomes[3:]] == [f"audio[{i}]" for i in (3, 4, 5)]
    for i in (0, 1, 3, 5):
        assert outcomes[i].transcript == windowed.transcribe(inputs[i])
    assert isinstance(outcomes[2].error, AudioNotFoundError)
    assert isinstance(outcomes[4].error, AudioError)


def test_a_long_damaged_file_has_no_transcript(windowed, tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, said(20) / 8, fakes.RATE)
    path.write_bytes(path.read_bytes()[:-900])
    (outcome,) = windowed.transcribe_each([path])
    assert outcome.transcript is None
    assert "damaged or truncated" in outcome.error.reason


def test_a_failing_long_recording_stops_no_other():
    backend = fakes.FakeBackend(most_samples=5_000)
    recognizer = Recognizer(
        fakes.manifest(), fakes.artifact(), backend, whole_seconds=8, window_seconds=8
    )
    outcomes = list(recognizer.transcribe_each([said(20), said(2)]))
    assert str(outcomes[0].error) == "audio[0]: out of memory"
    assert outcomes[1].transcript


def test_progress_of_a_long_recording_is_reported_batch_by_batch(windowed, backend):
    heard = []
    waveform = said(100)
    list(windowed.transcribe_each([waveform], progress=lambda *state: heard.append(state)))
    seconds = len(waveform) / fakes.RATE
    assert heard[-1] == ("audio[0]", seconds, seconds)
    assert [done for _, done, _ in heard] == sorted({done for _, done, _ in heard})
    assert len(heard) == len(backend.batches) > 2  # a batch each


def test_a_recording_too_long_for_the_memory_runs_in_windows(backend, monkeypatch):
    backend.provider = "CPUExecutionProvider"
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), backend, window_seconds=8)
    waveform = said(60)
    recognizer.transcribe(waveform)
    assert backend.batches == [[len(waveform)]]
    monkeypatch.setattr(memory, "available", lambda: 5 * 10**8)
    recognizer.transcribe(waveform)
    assert max(map(max, backend.batches[1:])) <= 8 * fakes.RATE


# With a real graph, and both backends.


@pytest.mark.parametrize("artifact", ["onnx", "torchscript"])
def test_batches_do_not_change_the_answer_of_a_real_graph(exported, artifact):
    recognizer = voxport.load(exported, provider="cpu", artifact=artifact)
    noise = np.random.default_rng(0).uniform(-1, 1, 30_000).astype(np.float32)
    waveforms = [noise[:length] for length in (16_000, 0, 399, 400, 5_000, 30_000, 401)]
    together = recognizer.transcribe(waveforms)
    for waveform, found in zip(waveforms, together, strict=True):
        alone = recognizer.transcribe(waveform)
        assert found.text == alone.text
        assert [(t.text, t.start, t.end) for t in found.tokens] == [
            (t.text, t.start, t.end) for t in alone.tokens
        ]
        scores = [token.score for token in alone.tokens]
        assert [token.score for token in found.tokens] == pytest.approx(scores, abs=1e-4)
        assert "".join(token.text for token in found.tokens) == found.text
    assert together[5].text


def test_onnx_and_torchscript_agree(exported):
    onnx, script = (voxport.load(exported, "cpu", kind) for kind in ("onnx", "torchscript"))
    path = data.SAMPLES / "yes.flac"
    assert onnx.transcribe(path).text == script.transcribe(path).text
    difference = np.abs(onnx.emission(path) - script.emission(path)).max()
    assert difference <= 1e-4 * max(1, np.abs(onnx.emission(path)).max())


def test_repr_names_model_artifact_and_provider(exported):
    text = repr(voxport.load(exported, provider="cpu"))
    assert text == "<Recognizer narrow model.onnx on CPUExecutionProvider>"
