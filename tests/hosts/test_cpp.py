"""runtime/cpp: its program answers as packages promise and as the Python runtime does."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import soundfile

import voxport
from benchmarks.hostile.constant_graph import constant_graph, valid_outputs
from support import data, strange_packages
from voxport.audio.resample import resample
from voxport.package.read_manifest import read_manifest

TOLERANCE = 1e-4
BY_NAME = ("--artifact", "torchscript")  # it runs code, and so never unasked


def check_golden(program, package, emission, *options):
    """Check transcripts, tokens and times as recorded, emissions within rounding."""
    manifest = read_manifest(package)
    model = manifest.model
    assert manifest.golden
    for clip in manifest.golden:
        result = program.run(
            *options, "--json", "--emission", emission, package, package / clip.path
        )
        assert (result.returncode, result.stderr) == (0, "")
        answer = json.loads(result.stdout)
        assert answer["text"] == clip.transcript
        labels = [model.labels[token] for token in clip.tokens]
        heard = [" " if label == model.word_delimiter else label for label in labels]
        assert [token["text"] for token in answer["tokens"]] == heard
        for key, frames in (("start", clip.token_starts), ("end", clip.token_ends)):
            seconds = np.array(frames) * model.frame_stride / model.sample_rate
            times = [token[key] for token in answer["tokens"]]
            np.testing.assert_allclose(times, np.minimum(seconds, clip.seconds), atol=1e-9)
        expected = np.load(package / clip.emission.path)
        got = np.fromfile(emission, "<f4").reshape(-1, len(model.labels))
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() <= TOLERANCE * max(1, np.abs(expected).max())


def test_golden_clips_on_onnxruntime(program, commands, tmp_path):
    check_golden(program, commands, tmp_path / "emission.f32")


@pytest.mark.slow  # LibTorch's headers take a minute to compile
def test_golden_clips_on_libtorch(torch_program, exported, tmp_path):
    check_golden(torch_program, exported, tmp_path / "emission.f32", *BY_NAME)


def test_json_equals_the_python_runtime(program, commands):
    files = [data.SAMPLES / f"{name}.flac" for name in ("one-two-three", "left-right", "noise")]
    result = program.run("--json", commands, *files)
    expected = voxport.load(commands, provider="cpu").transcribe(files)
    lines = result.stdout.splitlines()
    for file, line, transcript in zip(files, lines, expected, strict=True):
        answer = json.loads(line)
        assert list(answer) == ["file", "text", "duration", "words", "tokens"]
        assert (answer["file"], answer["text"]) == (str(file), transcript.text)
        assert answer["duration"] == math.floor(transcript.duration * 1e4 + 0.5) / 1e4
        for key in ("words", "tokens"):
            for got, part in zip(answer[key], getattr(transcript, key), strict=True):
                assert got == pytest.approx(vars(part), abs=1e-4)


def test_printed_numbers_have_the_digits_of_the_python_runtime(program, tmp_path):
    package = strange_packages.copy_package(tmp_path)
    scores = np.array([[0.12345678, 0.99996]], np.float32)
    outputs = {**valid_outputs(29), "token_scores": scores}
    graph = constant_graph(outputs)
    strange_packages.replace_graph(package, graph.SerializeToString())
    soundfile.write(tmp_path / "x.wav", np.zeros(12347), 16000)
    printed = json.loads(program.run("--json", package, tmp_path / "x.wav").stdout)
    assert printed["duration"] == 0.7717  # 0.7716875
    expected = [math.floor(float(score) * 1e4 + 0.5) / 1e4 for score in scores[0]]
    assert [token["score"] for token in printed["tokens"]] == expected == [0.1235, 1.0]
    assert printed["words"][0]["score"] == 0.7078  # (0.12345678 + 2 * 0.99996) / 3


def test_channels_are_mixed_to_their_mean(program, commands, tmp_path):
    samples, rate = soundfile.read(data.SAMPLES / "yes.flac", dtype="float32")
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([2 * samples, 0 * samples], 1), rate, subtype="FLOAT")
    assert program.run(commands, path).stdout == "YES\n"


def check_rates(program, package, folder, *options):
    """Check recordings of any rate against the Python runtime."""
    recognizer = voxport.load(package, provider="cpu")
    samples, rate = soundfile.read(data.SAMPLES / "seven.wav", dtype="float32")
    for rate_of_file in (8000, 44100):
        path, emission = folder / f"{rate_of_file}.wav", folder / "emission.f32"
        soundfile.write(path, resample(samples, rate, rate_of_file), rate_of_file, subtype="FLOAT")
        result = program.run(*options, "--json", "--emission", emission, package, path)
        assert (result.returncode, result.stderr) == (0, "")
        answer, transcript = json.loads(result.stdout), recognizer.transcribe(path)
        assert answer["text"] == transcript.text
        assert answer["duration"] == math.floor(transcript.duration * 1e4 + 0.5) / 1e4
        expected = recognizer.emission(path)
        got = np.fromfile(emission, "<f4").reshape(expected.shape)
        assert np.abs(got - expected).max() <= TOLERANCE * max(1, np.abs(expected).max())


def test_recordings_of_any_rate_on_onnxruntime(program, exported, tmp_path):
    check_rates(program, exported, tmp_path)


@pytest.mark.slow
def test_recordings_of_any_rate_on_libtorch(torch_program, exported, tmp_path):
    check_rates(torch_program, exported, tmp_path, *BY_NAME)


def test_a_package_without_resampling_takes_its_own_rate_only(program, commands, tmp_path):
    package = shutil.copytree(commands, tmp_path / "package")
    manifest = read_manifest(package)
    artifacts = [dataclasses.replace(item, optional_inputs=()) for item in manifest.artifacts]
    older = dataclasses.replace(manifest, artifacts=tuple(artifacts))
    (package / "manifest.json").write_text(older.to_json(), encoding="utf-8")
    soundfile.write(tmp_path / "8k.wav", np.zeros(8000), 8000)
    result = program.run(package, tmp_path / "8k.wav", data.SAMPLES / "yes.flac")
    assert (result.returncode, result.stdout) == (1, "YES\n")
    assert "its sample rate is 8000 Hz, the model wants 16000 Hz" in result.stderr


def test_a_recording_shorter_than_one_frame_is_empty_text(program, commands, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    result = program.run(commands, tmp_path / "short.wav")
    assert (result.returncode, result.stdout, result.stderr) == (0, "\n", "")


# The command line


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "expected a package and at least one audio file"),
        (["package"], "expected a package and at least one audio file"),
        (["--loud", "package", "a.wav"], "unrecognized option '--loud'"),
        (["--threads", "0", "package", "a.wav"], "--threads must be a whole number from 1 to 256"),
        (
            ["--threads", "257", "package", "a.wav"],
            "--threads must be a whole number from 1 to 256",
        ),
        (["--artifact", "tflite", "package", "a.wav"], "--artifact must be onnx or torchscript"),
        (["--emission", "e", "package", "a.wav", "b.wav"], "--emission takes one audio file"),
    ],
)
def test_wrong_usage_exits_with_2(program, args, message):
    result = program.run(*args)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr


def test_help_names_the_backends(program):
    result = program.run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "usage: transcribe" in result.stdout
    assert "this build runs: ONNX Runtime 1." in result.stdout


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["--artifact", "torchscript"], "torchscript artifact"),
        (["--precision", "int3"], "int3 artifact"),
    ],
)
def test_an_artifact_that_cannot_run_is_refused(program, commands, args, wanted):
    result = program.run(*args, commands, data.SAMPLES / "yes.flac")
    assert result.returncode == 1
    assert f"{commands}: holds no {wanted} that can run here: it has fp32 onnx" in result.stderr


def test_an_emission_that_cannot_be_written_is_an_error(program, commands, tmp_path):
    result = program.run(
        "--emission", tmp_path / "no" / "e.f32", commands, data.SAMPLES / "yes.flac"
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "its emission cannot be written to" in result.stderr


def test_version_is_that_of_the_python_package(program):
    result = program.run("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"voxport {voxport.__version__} (ONNX Runtime 1.")


def test_the_emission_follows_no_link(program, commands, tmp_path):
    """The temporary name cannot be foretold, and a link in the place of the file is replaced."""
    victim, target = tmp_path / "victim", tmp_path / "e.f32"
    victim.write_text("mine")
    target.symlink_to(victim)
    (tmp_path / "e.f32.tmp").symlink_to(victim)
    result = program.run("--emission", target, commands, data.SAMPLES / "yes.flac")
    assert (result.returncode, result.stdout) == (0, "YES\n")
    assert victim.read_text() == "mine"
    assert target.stat().st_size > 0
    assert not target.is_symlink()


def test_nothing_is_written_into_the_home_folder(program, commands, tmp_path):
    """ONNX Runtime's telemetry would leave a device id and a database in ~/.cache."""
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    result = program.run(commands, data.SAMPLES / "yes.flac", environment=environment)
    assert (result.returncode, result.stdout) == (0, "YES\n")
    assert list(tmp_path.rglob("*")) == []
