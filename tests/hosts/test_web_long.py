"""Long recordings in runtime/web: the windows, seams and texts of the Python runtime."""

import json

import numpy as np
import pytest
import soundfile

import voxport
from support import data, web
from voxport.inference.windows import Geometry, find_seam, quietest_frame

SAMPLES = data.ROOT / "models" / "commands" / "samples"
NAMES = ("one-two-three", "left-right", "yes", "four-zero-nine", "stop", "no-down-off-on")
LENGTHS = {"whole_seconds": 6.0, "window_seconds": 5.0}


@pytest.fixture(scope="module", autouse=True)
def built():
    """The module, compiled."""
    web.build()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A recording of a minute and a half, with stretches of noise and of digital silence."""
    random = np.random.default_rng(5)
    clips = [soundfile.read(SAMPLES / f"{name}.flac", dtype="float32") for name in NAMES]
    assert {rate for _, rate in clips} == {16000}
    parts = []
    for _ in range(40):
        parts.append(clips[random.integers(len(clips))][0])
        parts.append(np.zeros(random.integers(8000), np.float32))
        parts.append(random.normal(0, 1e-3, random.integers(12000)).astype(np.float32))
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, np.concatenate(parts), 16000, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def answers(recording):
    """The transcripts by the module: as a stream, in memory, from one run; and its progress."""
    return json.loads(
        web.node(
            """
            import { load, openAudio, readAudio } from "voxport";
            const [folder, path] = process.argv.slice(1);
            const lengths = { wholeSeconds: 6, windowSeconds: 5 };
            const recognizer = await load(folder, lengths);
            const told = [];
            const progress = (...seconds) => told.push(seconds);
            const stream = await recognizer.transcribe(await openAudio(path), { progress });
            const audio = await readAudio(path);
            const whole = await recognizer.transcribe(audio);
            const { transcript, emission } = await recognizer.recognize(audio);
            const alone = await recognizer.emission(audio);
            const isEqual = alone.values.every((value, i) => value === emission.values[i]);
            const { frames } = emission;
            console.log(JSON.stringify({ stream, whole, transcript, frames, isEqual, told }));
            """,
            data.ROOT / "runtime" / "voxport" / "packages" / "commands",
            recording,
        )
    )


def test_a_long_recording_has_the_python_runtimes_words(recording, answers):
    expected = voxport.load("commands", **LENGTHS).transcribe(recording)
    found = answers["stream"]
    assert found["text"] == expected.text
    assert len(expected.words) > 60
    assert found["duration"] == expected.duration
    for kind in ("words", "tokens"):
        for one, other in zip(found[kind], getattr(expected, kind), strict=True):
            assert (one["text"], one["start"], one["end"]) == (other.text, other.start, other.end)
            assert one["score"] == pytest.approx(other.score, abs=1e-3)


def test_a_stream_and_an_array_have_the_same_answer(answers):
    assert answers["stream"] == answers["whole"] == answers["transcript"]


def test_the_emission_of_a_long_recording_is_that_of_its_windows(recording, answers):
    emission = voxport.load("commands", **LENGTHS).emission(recording)
    assert answers["frames"] == len(emission)
    assert answers["isEqual"]


def test_progress_ends_at_the_recordings_length(recording, answers):
    seconds = soundfile.info(recording).duration
    done = [told[0] for told in answers["told"]]
    assert len(done) > 10
    assert done == sorted(done)
    assert done[-1] == pytest.approx(seconds)
    assert {told[1] for told in answers["told"]} == {seconds}


def test_cuts_and_seams_are_the_python_runtimes(tmp_path):
    random = np.random.default_rng(7)
    cuts, seams = [], []
    for _ in range(60):
        geometry = Geometry(20, 25, int(random.integers(8, 200)))
        waveform = random.normal(0, 1, geometry.samples) * (random.random(geometry.samples) < 0.7)
        waveform[random.integers(len(waveform)) :][:400] = 0
        waveform = waveform.astype(np.float32)
        cut = quietest_frame(waveform, geometry)
        cuts.append([geometry.frames, waveform.tolist(), cut])
        labels, frames = int(random.integers(2, 6)), int(random.integers(1, 60))
        old = random.normal(0, 1, (frames, labels)).astype(np.float32)
        old[random.random(frames) < 0.5, 0] = 9
        new = old[: random.integers(1, frames + 1)] + random.normal(0, 0.4, (1, labels))
        new[random.random(len(new)) < 0.2, 0] = 9
        new = new.astype(np.float32)
        near = int(random.integers(0, frames))
        seams.append([labels, old.ravel().tolist(), new.ravel().tolist(), near])
        seams[-1].append(find_seam(old, new, near, 0))
    (tmp_path / "cases.json").write_text(json.dumps([cuts, seams]))
    found = web.node(
        """
        import { readFileSync } from "node:fs";
        import { Geometry, findSeam, quietestFrame } from "./dist/lib/windows.js";
        const [cuts, seams] = JSON.parse(readFileSync(process.argv[1], "utf-8"));
        const emission = (values, labels) =>
          ({ values: Float32Array.from(values), frames: values.length / labels, labels });
        const found = [
          cuts.map(([frames, waveform]) =>
            quietestFrame(Float32Array.from(waveform), new Geometry(20, 25, frames))),
          seams.map(([labels, old, fresh, near]) =>
            findSeam(emission(old, labels), emission(fresh, labels), near, 0)),
        ];
        console.log(JSON.stringify(found));
        """,
        tmp_path / "cases.json",
    )
    assert json.loads(found) == [[case[-1] for case in cuts], [case[-1] for case in seams]]


def test_lengths_that_make_no_sense_are_refused():
    printed = web.node(
        """
        import { load } from "voxport";
        const tell = (error) => console.log(error.name, error.message);
        for (const windowSeconds of [4, Infinity]) {
          await load(process.argv[1], { windowSeconds }).catch(tell);
        }
        await load(process.argv[1], { wholeSeconds: -1 }).catch(tell);
        """,
        data.ROOT / "runtime" / "voxport" / "packages" / "commands",
    )
    assert printed.splitlines() == [
        "InputError windowSeconds must be finite and at least 5, got 4",
        "InputError windowSeconds must be finite and at least 5, got Infinity",
        "InputError wholeSeconds must be at least 0, got -1",
    ]
