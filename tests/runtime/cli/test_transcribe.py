"""``voxport transcribe`` on standard output: texts, failures and exit codes."""

import json

import numpy as np
import pytest
import soundfile

from support.command import SEVEN, YES, results
from support.command import transcribe as run
from voxport.machine import cuda


def test_one_line_a_file_in_the_order_given(exported, spoken):
    result = run(exported, SEVEN, YES, SEVEN)
    assert result.exit_code == 0
    lines = zip((SEVEN, YES, SEVEN), (spoken[1], spoken[0], spoken[1]), strict=True)
    assert result.stdout == "".join(f"{name}: {text}\n" for name, text in lines)
    assert result.stderr == ""


def test_json(exported, spoken):
    result = run(exported, YES, SEVEN, "--format", "json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(YES), str(SEVEN)]
    assert [line["text"] for line in lines] == spoken
    assert set(lines[0]) == {"file", "text", "duration", "words", "tokens"}
    assert set(lines[0]["words"][0]) == {"text", "start", "end", "score"}


@pytest.mark.parametrize(
    ("form", "start"),
    [("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n\n"), ("tsv", "start\tend\ttext\n")],
)
def test_documents(exported, form, start):
    result = run(exported, YES, "-f", form)
    assert result.exit_code == 0
    assert result.stdout.startswith(start)


@pytest.mark.parametrize("artifact", ["onnx", "torchscript"])
def test_artifacts_and_options(exported, spoken, artifact):
    options = ["--artifact", artifact, "--precision", "fp32", "--provider", "cpu", "--threads", 1]
    result = run(exported, YES, *options, "--batch-seconds", 5)
    assert result.stdout == f"{spoken[0]}\n"


def test_standard_input(exported, spoken):
    result = run(exported, "-", input=SEVEN.read_bytes())
    assert result.stdout == f"{spoken[1]}\n"
    result = run(exported, "-", "--format", "json", input=b"")
    assert json.loads(result.stdout) == {"file": "-", "error": "the file is empty (0 bytes)"}


REASONS = {
    "missing.wav": "there is no such file",
    "empty.wav": "the file is empty (0 bytes)",
    "letter.wav": "not audio that libsndfile",
    "cut.flac": "damaged or truncated",
    "cut.wav": "truncated: the file ends before its audio does",
    "folder.wav": "is a folder",
    "no-samples.wav": "holds no audio (0 samples)",
    "nan.wav": "holds samples that are not numbers",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_a_bad_file(exported, bad, name, reason):
    result = run(exported, bad / name)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"voxport: error: {bad / name}: {reason}")
    assert result.stderr.count("\n") == 1


def test_bad_files_do_not_stop_good_ones(exported, spoken, bad):
    names = [bad / name for name in REASONS]
    result = run(exported, *names[:4], YES, *names[4:], SEVEN)
    assert result.exit_code == 1
    assert result.stdout == f"{YES}: {spoken[0]}\n{SEVEN}: {spoken[1]}\n"
    *lines, last = result.stderr.splitlines()
    assert [line.split(": ")[2] for line in lines] == list(map(str, names))
    assert last.startswith("voxport: 2 of 10 files done, 8 failed: ")


def test_bad_files_in_json_are_lines_in_their_place(exported, bad):
    result = run(exported, bad / "missing.wav", YES, "-f", "json")
    first, second = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert first == {"file": str(bad / "missing.wav"), "error": "there is no such file"}
    assert second["file"] == str(YES)
    assert result.stderr == ""


def test_a_drive_that_fails(exported, spoken, failing, tmp_path):
    failing(OSError(5, "Input/output error"))
    result = run(exported, SEVEN, YES, "-o", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    line = f"voxport: error: {SEVEN}: cannot be read: Input/output error\n"
    assert result.stderr.startswith(line)
    assert {path.name: path.read_text() for path in results(tmp_path)} == {
        "yes.txt": f"{spoken[0]}\n"
    }


def test_an_interrupt_while_a_file_is_read(exported, failing, tmp_path):
    failing(KeyboardInterrupt())
    result = run(exported, SEVEN, YES, "-o", tmp_path)
    assert (result.exit_code, result.output) == (
        130,
        "voxport: 0 of 2 done; the same command goes on\n",
    )
    assert not results(tmp_path)


def test_short_and_silent_files_are_no_errors(exported, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    result = run(exported, tmp_path / "short.wav")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "\n", "")


# args after PACKAGE, exit code, part of the message
REFUSED = [
    ([], 2, "no AUDIO is given"),
    ([YES, "--format", "mp4"], 2, "--format"),
    ([YES, "--artifact", "tflite"], 2, "--artifact"),
    ([YES, "--threads", "0"], 2, "--threads"),
    ([YES, "--threads", "257"], 2, "--threads"),
    ([YES, "--nonsense"], 2, "--nonsense"),
    ([YES, "--provider", "gpu"], 2, "unknown provider 'gpu'"),
    ([YES, SEVEN, "--format", "srt"], 2, "--output-dir"),
    ([YES, "--batch-seconds", "inf"], 2, "not a finite number"),
    ([YES, "--batch-seconds", "nan"], 2, "--batch-seconds"),
    ([YES, "-o", ""], 2, "the name is empty"),
    ([YES, "--alpha", "0.5"], 2, "--alpha: only with --lm"),
    ([YES, "--lm", "x.arpa", "--alpha", "-3"], 2, "--alpha"),
    ([YES, "--hotword", "yes", "--hotword", " "], 2, "--hotword': the word is empty"),
    ([YES, "--beam", "5", "--alpha", "0", "--beta", "1"], 2, "--alpha and --beta: only with --lm"),
    ([YES, ""], 2, "the name is empty"),
    ([YES, "--overwrite"], 2, "--overwrite needs --output-dir"),
    ([YES, "--whole-seconds", "inf"], 2, "not a finite number"),
    (["-", YES, "-"], 2, "standard input (-) can be read once"),
    ([YES, "--precision", "int8"], 1, "holds no int8 artifact, only: fp32 onnx, fp32 torchscript"),
    ([YES, "--provider", "xnnpack"], 1, "xnnpack was asked for and cannot run here"),
]


@pytest.mark.parametrize(("args", "code", "message"), REFUSED)
def test_refused(exported, args, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(exported, *args)
    assert result.exit_code == code
    assert result.stdout == ""
    assert message in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(cuda.unavailable_reason() is None, reason="there is a GPU here")
@pytest.mark.parametrize("artifact", ["onnx", "torchscript"])
def test_cuda_where_there_is_none(exported, artifact):
    result = run(exported, YES, "--provider", "cuda", "--artifact", artifact)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("voxport: error: cuda was asked for and cannot run here: ")
    assert "CUDA needs an NVIDIA GPU" in result.stderr


def test_torchscript_without_torch(exported, without):
    without("torch")
    result = run(exported, YES, "--artifact", "torchscript")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install torch" in result.stderr
    assert "--artifact onnx" in result.stderr


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("comands", "'comands' is neither a folder nor a shipped model"),
        ("no/such/folder", "no/such/folder: there is no such folder"),
        (".", "there is no manifest.json in it"),
    ],
)
def test_what_is_no_package(package, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(package, YES)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("voxport: error: ")
    assert message in result.stderr


def test_a_later_package(package):
    (package / "manifest.json").write_text('{"format": "voxport", "version": 99}')
    result = run(package, YES)
    assert result.exit_code == 1
    assert "pip install -U voxport" in result.stderr


def test_a_changed_package(package):
    content = bytearray((package / "model.onnx").read_bytes())
    content[1000] ^= 1
    (package / "model.onnx").write_bytes(content)
    result = run(package, YES)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "model.onnx: not the file that the manifest records" in result.stderr
