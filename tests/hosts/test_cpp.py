"""runtime/cpp: its program gives what packages promise and what the Python runtime gives."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import soundfile

import voxport
from support import cpp, data
from voxport.audio.resample import resample
from voxport.package.find import find_package
from voxport.package.integrity import file_entry
from voxport.package.read_manifest import read_manifest

TOLERANCE = 1e-4


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """`transcribe` on ONNX Runtime."""
    root = cpp.onnxruntime(tmp_path_factory.mktemp("onnxruntime"))
    return cpp.build(tmp_path_factory.mktemp("cpp"), f"-DONNXRUNTIME_ROOT={root}")


@pytest.fixture(scope="session")
def torch_program(tmp_path_factory):
    """`transcribe` on LibTorch."""
    return cpp.build(
        tmp_path_factory.mktemp("cpp-torch"),
        "-DVOXPORT_ONNXRUNTIME=OFF",
        "-DVOXPORT_LIBTORCH=ON",
        f"-DLIBTORCH_ROOT={cpp.libtorch()}",
    )


@pytest.fixture(scope="session")
def commands():
    """The shipped package, which has an ONNX artifact."""
    return find_package("commands")


def check_golden(program, package, emission):
    """Transcripts, tokens and their times as recorded, emissions within rounding."""
    manifest = read_manifest(package)
    model = manifest.model
    assert manifest.golden
    for clip in manifest.golden:
        result = program.run("--json", "--emission", emission, package, package / clip.path)
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
    check_golden(torch_program, exported, tmp_path / "emission.f32")


def test_json_is_that_of_the_python_runtime(program, commands):
    files = [data.SAMPLES / f"{name}.flac" for name in ("one-two-three", "left-right", "noise")]
    result = program.run("--json", commands, *files)
    expected = voxport.load(commands, provider="cpu").transcribe(files)
    lines = result.stdout.splitlines()
    for file, line, transcript in zip(files, lines, expected, strict=True):
        answer = json.loads(line)
        assert list(answer) == ["file", "text", "duration", "words", "tokens"]
        assert (answer["file"], answer["text"]) == (str(file), transcript.text)
        assert answer["duration"] == pytest.approx(transcript.duration)
        for key in ("words", "tokens"):
            for got, part in zip(answer[key], getattr(transcript, key), strict=True):
                assert got == pytest.approx(vars(part), abs=1e-4)


def test_channels_are_mixed(program, commands, tmp_path):
    samples, rate = soundfile.read(data.SAMPLES / "yes.flac", dtype="float32")
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([2 * samples, 0 * samples], 1), rate, subtype="FLOAT")
    assert program.run(commands, path).stdout == "YES\n"


def check_rates(program, package, folder):
    """Recordings of any rate are heard as the Python runtime hears them."""
    recognizer = voxport.load(package, provider="cpu")
    samples, rate = soundfile.read(data.SAMPLES / "seven.wav", dtype="float32")
    for rate_of_file in (8000, 44100):
        path, emission = folder / f"{rate_of_file}.wav", folder / "emission.f32"
        soundfile.write(path, resample(samples, rate, rate_of_file), rate_of_file, subtype="FLOAT")
        result = program.run("--json", "--emission", emission, package, path)
        assert (result.returncode, result.stderr) == (0, "")
        answer, transcript = json.loads(result.stdout), recognizer.transcribe(path)
        assert answer["text"] == transcript.text
        assert answer["duration"] == pytest.approx(transcript.duration)
        expected = recognizer.emission(path)
        got = np.fromfile(emission, "<f4").reshape(expected.shape)
        assert np.abs(got - expected).max() <= TOLERANCE * max(1, np.abs(expected).max())


def test_any_rate_on_onnxruntime(program, exported, tmp_path):
    check_rates(program, exported, tmp_path)


@pytest.mark.slow
def test_any_rate_on_libtorch(torch_program, exported, tmp_path):
    check_rates(torch_program, exported, tmp_path)


def test_a_package_that_does_not_resample(program, commands, tmp_path):
    package = shutil.copytree(commands, tmp_path / "package")
    manifest = read_manifest(package)
    artifacts = [dataclasses.replace(item, optional_inputs=()) for item in manifest.artifacts]
    older = dataclasses.replace(manifest, artifacts=tuple(artifacts))
    (package / "manifest.json").write_text(older.to_json(), encoding="utf-8")
    soundfile.write(tmp_path / "8k.wav", np.zeros(8000), 8000)
    result = program.run(package, tmp_path / "8k.wav", data.SAMPLES / "yes.flac")
    assert (result.returncode, result.stdout) == (1, "YES\n")
    assert "its sample rate is 8000 Hz, the model wants 16000 Hz" in result.stderr


def test_shorter_than_one_frame(program, commands, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    result = program.run(commands, tmp_path / "short.wav")
    assert (result.returncode, result.stdout, result.stderr) == (0, "\n", "")


# Bad recordings


def bad_recordings(folder):
    """Files that cannot be transcribed, each with what is said of it."""
    good = (data.SAMPLES / "yes.flac").read_bytes()
    samples, rate = soundfile.read(data.SAMPLES / "yes.flac")
    for name in ("cut.wav", "cut.aiff", "cut.au"):
        soundfile.write(folder / name, samples, rate)
        (folder / name).write_bytes((folder / name).read_bytes()[:20000])
    soundfile.write(folder / "100.wav", samples, 100)
    soundfile.write(folder / "none.wav", samples[:0], rate)
    soundfile.write(folder / "nan.wav", np.full(800, np.nan), rate, subtype="FLOAT")
    soundfile.write(folder / "talk.ogg", samples, rate)
    (folder / "cut.flac").write_bytes(good[: len(good) // 2])
    (folder / "text.wav").write_text("not audio\n" * 100)
    (folder / "text.vox").write_text("not audio\n" * 100)
    (folder / "empty.wav").touch()
    (folder / "header.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    (folder / "folder").mkdir()
    return {
        "cut.wav": "truncated: the file ends before its audio does",
        "cut.aiff": "truncated: the file ends before its audio does",
        "cut.au": "truncated: the file ends before its audio does",
        "cut.flac": "truncated",
        "100.wav": "its sample rate is 100 Hz",
        "none.wav": "holds no audio",
        "nan.wav": "not numbers",
        "talk.ogg": "libsndfile does not tell that a part is missing",
        "text.wav": "not audio that libsndfile",
        "text.vox": "not audio that libsndfile",
        "empty.wav": "the file is empty (0 bytes)",
        "header.wav": "not audio that libsndfile",
        "folder": "is a folder",
        "missing.wav": "there is no such file",
    }


def check_bad_recordings(program, package, folder):
    """Each is told in a line; the good ones beside them are transcribed."""
    reasons = bad_recordings(folder)
    good = data.SAMPLES / "yes.flac"
    alone = program.run(package, good)
    assert (alone.returncode, alone.stderr) == (0, "")
    result = program.run(package, good, *(folder / name for name in reasons), good)
    assert result.returncode == 1
    assert result.stdout == 2 * alone.stdout
    lines = result.stderr.splitlines()
    for line, (name, reason) in zip(lines, reasons.items(), strict=True):
        assert line.startswith(f"error: {folder / name}: ")
        assert reason in line


def test_bad_recordings_on_onnxruntime(program, commands, tmp_path):
    check_bad_recordings(program, commands, tmp_path)


@pytest.mark.slow
def test_bad_recordings_on_libtorch(torch_program, exported, tmp_path):
    check_bad_recordings(torch_program, exported, tmp_path)


def test_bad_recordings_in_json(program, commands, tmp_path):
    result = program.run("--json", commands, tmp_path / "missing.wav")
    assert (result.returncode, result.stderr) == (1, "")
    assert json.loads(result.stdout) == {
        "file": str(tmp_path / "missing.wav"),
        "error": "there is no such file",
    }


def test_a_recording_cut_anywhere(program, commands, tmp_path):
    """No prefix of a file is transcribed, and none ends the program."""
    soundfile.write(tmp_path / "whole.wav", np.zeros(2000), 16000)
    for source in (tmp_path / "whole.wav", data.SAMPLES / "stop.flac"):
        content = source.read_bytes()
        cuts = [tmp_path / f"{i}{source.suffix}" for i in range(40)]
        for i, cut in enumerate(cuts):
            cut.write_bytes(content[: i * len(content) // len(cuts)])
        result = program.run(commands, *cuts)
        assert (result.returncode, result.stdout) == (1, "")
        assert len(result.stderr.splitlines()) == len(cuts)


# Bad packages


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rewrite(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("spoil", "subject", "reason"),
    [
        (lambda p: flip(p / "model.onnx"), "/model.onnx", "expected sha256 "),
        (lambda p: rewrite(p / "model.onnx", lambda x: x[:-1]), "/model.onnx", " bytes, found "),
        (lambda p: (p / "model.onnx").unlink(), "/model.onnx", "it is missing"),
        (lambda p: (p / "manifest.json").unlink(), "", "not a voxport package"),
        (lambda p: shutil.rmtree(p), "", "there is no such folder"),
        (
            lambda p: rewrite(p / "manifest.json", lambda x: x.replace(b"16000", b"8000")),
            "/manifest.json",
            "changed since it was written",
        ),
        (lambda p: rewrite(p / "manifest.json", lambda x: x[:99]), "/manifest.json", "not JSON"),
        (lambda p: rewrite(p / "manifest.json", lambda _: b""), "/manifest.json", "not JSON"),
        (
            lambda p: rewrite(p / "manifest.json", lambda _: b"[" * 100_000),
            "/manifest.json",
            "not JSON",
        ),
        (lambda p: rewrite(p / "manifest.json", lambda _: b"{}"), "/manifest.json", "'format'"),
        (
            lambda p: rewrite(p / "manifest.json", lambda x: x.replace(b": 1,", b": 99,", 1)),
            "/manifest.json",
            "written by a later voxport",
        ),
    ],
)
def test_bad_packages(program, commands, tmp_path, spoil, subject, reason):
    package = tmp_path / "package"
    shutil.copytree(commands, package)
    spoil(package)
    result = program.run(package, data.SAMPLES / "yes.flac")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {package}{subject}: ")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def put_text_in_place_of(name, source, package):
    """A copy of a package with this artifact alone, its hash right: the engine must refuse it."""
    shutil.copytree(source, package)
    (package / name).write_text("not a graph")
    manifest = read_manifest(package)
    entry = dataclasses.asdict(file_entry(package / name))
    artifact = next(one for one in manifest.artifacts if one.path == name)
    changed = dataclasses.replace(
        manifest, artifacts=(dataclasses.replace(artifact, **entry),), gates=()
    )
    (package / "manifest.json").write_text(changed.to_json(), encoding="utf-8")


def test_an_artifact_that_is_not_a_graph(program, commands, tmp_path):
    package = tmp_path / "package"
    put_text_in_place_of("model.onnx", commands, package)
    result = program.run(package, data.SAMPLES / "yes.flac")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {package}/model.onnx: ONNX Runtime ")


@pytest.mark.slow
def test_bad_packages_on_libtorch(torch_program, exported, tmp_path):
    package, good = tmp_path / "text", data.SAMPLES / "yes.flac"
    put_text_in_place_of("model.ts", exported, package)
    result = torch_program.run(package, good)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {package}/model.ts: LibTorch ")

    package = tmp_path / "flipped"
    shutil.copytree(exported, package)
    flip(package / "model.ts")
    result = torch_program.run(package, good)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {package}/model.ts: ")
    assert "expected sha256 " in result.stderr


# The command line


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "expected a package and at least one audio file"),
        (["package"], "expected a package and at least one audio file"),
        (["--loud", "package", "a.wav"], "unrecognized option '--loud'"),
        (["--threads", "0", "package", "a.wav"], "--threads must be a whole number"),
        (["--artifact", "tflite", "package", "a.wav"], "--artifact must be onnx or torchscript"),
        (["--emission", "e", "package", "a.wav", "b.wav"], "--emission takes one audio file"),
    ],
)
def test_wrong_usage(program, args, message):
    result = program.run(*args)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr


def test_help(program):
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
def test_artifacts_that_cannot_run(program, commands, args, wanted):
    result = program.run(*args, commands, data.SAMPLES / "yes.flac")
    assert result.returncode == 1
    assert f"{commands}: holds no {wanted} that can run here: it has fp32 onnx" in result.stderr


def test_an_emission_that_cannot_be_written(program, commands, tmp_path):
    result = program.run(
        "--emission", tmp_path / "no" / "e.f32", commands, data.SAMPLES / "yes.flac"
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "its emission cannot be written to" in result.stderr
