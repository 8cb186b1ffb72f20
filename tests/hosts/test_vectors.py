"""The shared vectors: Python, the C++ program and the C library give one answer."""

import json

import numpy as np
import pytest
import soundfile

import voxport
from support import c_library, data
from support.data import ROOT
from vectors import generate

VECTORS = json.loads((ROOT / "tests" / "vectors" / "vectors.json").read_text("utf-8"))
SCORE_TOLERANCE = 2e-4  # one in the last printed digit, and the processor's own


def check_answer(answer, expected):
    """Check texts and times to the digit, scores within rounding."""
    assert answer["text"] == expected["text"]
    assert answer["duration"] == expected["duration"]
    for kind in ("words", "tokens"):
        assert [row[:3] for row in answer[kind]] == [row[:3] for row in expected[kind]]
        scores = [row[3] for row in answer[kind]]
        assert scores == pytest.approx([row[3] for row in expected[kind]], abs=SCORE_TOLERANCE)


@pytest.fixture(scope="module")
def library(install):
    """The C library."""
    return c_library.Library(install("ON") / "lib" / "libvoxport.so")


def test_python_still_answers_as_recorded():
    answers = json.loads(json.dumps(generate.generate()))
    for kind in ("recordings", "alignments"):
        for got, expected in zip(answers[kind], VECTORS[kind], strict=True):
            assert got["file"] == expected["file"]
            check_answer(got["answer"], expected["answer"])
    check_answer(answers["windows"].pop("answer"), VECTORS["windows"]["answer"])
    without = {key: value for key, value in VECTORS["windows"].items() if key != "answer"}
    assert answers["windows"] == without
    recognizer = voxport.load("commands", provider="cpu")
    for item in VECTORS["refusals"]:
        assert generate.kind_of(recognizer, item) == item["kind"]


def test_the_cpp_program_transcribes_as_recorded(program, commands):
    files = [data.SAMPLES / item["file"] for item in VECTORS["recordings"]]
    lines = program.run("--json", commands, *files).stdout.splitlines()
    for line, item in zip(lines, VECTORS["recordings"], strict=True):
        answer = json.loads(line)
        for kind in ("words", "tokens"):
            answer[kind] = [
                [part[key] for key in ("text", "start", "end", "score")] for part in answer[kind]
            ]
        check_answer(answer, item["answer"])


def test_the_c_library_transcribes_files_and_bytes_as_recorded(library, commands):
    with library.open(commands) as recognizer:
        for item in VECTORS["recordings"]:
            path = data.SAMPLES / item["file"]
            check_answer(recognizer.transcribe_file(path), item["answer"])
            check_answer(recognizer.transcribe_bytes(path.read_bytes()), item["answer"])


def test_the_c_library_cuts_long_recordings_as_recorded(library, commands, tmp_path):
    item = VECTORS["windows"]
    limits = {key: item[key] for key in ("whole_seconds", "window_seconds")}
    samples = generate.joined()
    soundfile.write(tmp_path / "long.wav", samples, 16000)
    with library.open(commands, keep_emission=1, **limits) as recognizer:
        for answer in (
            recognizer.transcribe_file(tmp_path / "long.wav"),
            recognizer.transcribe_samples((samples / 2**15).astype(np.float32), 16000),
        ):
            check_answer(answer, item["answer"])
            assert answer["emission_shape"] == (sum(item["parts"]), 29)


def test_windows_of_another_rate_are_resampled_as_in_python(library, commands, tmp_path):
    item = VECTORS["windows"]
    limits = {key: item[key] for key in ("whole_seconds", "window_seconds")}
    samples = np.repeat(generate.joined(), 2)
    soundfile.write(tmp_path / "32k.wav", samples, 32000)
    soundfile.write(tmp_path / "44k.wav", samples, 44100)
    reference = voxport.load(commands, provider="cpu", **limits)
    with library.open(commands, **limits) as recognizer:
        for path in sorted(tmp_path.glob("*.wav")):
            expected = generate.answer(reference.transcribe(path))
            check_answer(recognizer.transcribe_file(path), expected)


def test_the_c_library_refuses_with_the_recorded_class(library, commands, tmp_path):
    found = {}
    with library.open(commands) as recognizer:
        for item in VECTORS["refusals"]:
            path = tmp_path / "audio"
            content = generate.changed(item)
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
            with pytest.raises(c_library.CallError) as failure:
                recognizer.transcribe_file(path)
            found[item["name"]] = failure.value.kind
    assert found == {item["name"]: item["kind"] for item in VECTORS["refusals"]}


def test_limits_that_make_no_sense_are_refused_alike(library, commands):
    for limits in (
        {"window_seconds": 4.9},
        {"window_seconds": float("inf")},
        {"whole_seconds": -1.0},
    ):
        with pytest.raises(voxport.InputError):
            voxport.load(commands, provider="cpu", **limits)
        with pytest.raises(c_library.CallError) as failure:
            library.open(commands, **limits)
        assert failure.value.kind == "InputError"
