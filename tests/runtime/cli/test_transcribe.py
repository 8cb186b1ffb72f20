"""``voxport transcribe``: what is printed where, and with which exit code."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import voxport
from support import data
from voxport.audio import files as audio_files
from voxport.cli import app, journal
from voxport.cli.output import bases
from voxport.cli.progress import Progress
from voxport.machine import cuda

YES, SEVEN = data.SAMPLES / "yes.flac", data.SAMPLES / "seven.wav"


def run(*args, **options):
    return CliRunner().invoke(app, ["transcribe", *map(str, args)], **options)


@pytest.fixture(scope="module")
def spoken(exported):
    """What the package makes of the two samples."""
    recognizer = voxport.load(exported, provider="cpu")
    return [transcript.text for transcript in recognizer.transcribe([YES, SEVEN])]


@pytest.fixture
def bad(tmp_path):
    """A file of every bad kind, by name, and the reason that is expected."""
    (tmp_path / "empty.wav").touch()
    (tmp_path / "letter.wav").write_text("Dear reader, this is no recording. " * 99)
    (tmp_path / "cut.flac").write_bytes(YES.read_bytes()[:9000])
    (tmp_path / "cut.wav").write_bytes(SEVEN.read_bytes()[:9000])
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "no-samples.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    return tmp_path


def test_one_line_a_file_in_the_order_given(exported, spoken):
    result = run(exported, SEVEN, YES, SEVEN)
    assert result.exit_code == 0
    assert result.stdout == f"{spoken[1]}\n{spoken[0]}\n{spoken[1]}\n"
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
    assert result.stderr.startswith(f"{bad / name}: {reason}")
    assert result.stderr.count("\n") == 1


def test_bad_files_do_not_stop_good_ones(exported, spoken, bad):
    names = [bad / name for name in REASONS]
    result = run(exported, *names[:4], YES, *names[4:], SEVEN)
    assert result.exit_code == 1
    assert result.stdout == f"{spoken[0]}\n{spoken[1]}\n"
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == list(map(str, names))


def test_bad_files_in_json_are_lines_in_their_place(exported, bad):
    result = run(exported, bad / "missing.wav", YES, "-f", "json")
    first, second = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert first == {"file": str(bad / "missing.wav"), "error": "there is no such file"}
    assert second["file"] == str(YES)
    assert result.stderr == ""


@pytest.fixture
def failing(monkeypatch):
    """Make the bytes of SEVEN come to an error after the first few."""

    def fail(error):
        class Failing(io.BytesIO):
            def read(self, size=-1):
                if self.tell() > 1000:
                    raise error
                return super().read(min(size, 1000))

        def stream(source):
            return Failing(SEVEN.read_bytes()) if source == SEVEN else opened(source)

        opened = audio_files._stream
        monkeypatch.setattr(audio_files, "_stream", stream)

    return fail


def test_a_drive_that_fails(exported, spoken, failing, tmp_path):
    failing(OSError(5, "Input/output error"))
    result = run(exported, SEVEN, YES, "-o", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{SEVEN}: cannot be read: Input/output error\n"
    assert {path.name: path.read_text() for path in results(tmp_path)} == {
        "yes.txt": f"{spoken[0]}\n"
    }


def test_an_interrupt_while_a_file_is_read(exported, failing, tmp_path):
    failing(KeyboardInterrupt())
    result = run(exported, SEVEN, YES, "-o", tmp_path)
    assert (result.exit_code, result.output) == (130, "")
    assert not results(tmp_path)


def test_short_and_silent_files_are_no_errors(exported, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    result = run(exported, tmp_path / "short.wav")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "\n", "")


# args after PACKAGE, exit code, part of the message
REFUSED = [
    ([], 2, "Missing argument"),
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


# --output-dir


def results(folder):
    """The files in it, without the record of what is done."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name != journal.NAME
    )


def test_a_file_each(exported, spoken, bad, tmp_path):
    out = tmp_path / "a" / "b"
    result = run(exported, YES, bad / "missing.wav", SEVEN, "-o", out)
    assert (result.exit_code, result.stdout) == (1, "")
    assert {path.name: path.read_text() for path in results(out)} == {
        "yes.txt": f"{spoken[0]}\n",
        "seven.txt": f"{spoken[1]}\n",
    }


def test_documents_of_several_files(exported, tmp_path):
    result = run(exported, YES, SEVEN, "-f", "vtt", "-o", tmp_path)
    assert result.exit_code == 0
    assert [path.name for path in results(tmp_path)] == ["seven.vtt", "yes.vtt"]


NAMES = [
    (["a.wav", "b.wav"], ["a.txt", "b.txt"]),
    (["a.wav", "./a.wav", "a.wav"], ["a.txt", "a.txt", "a.txt"]),
    (["bed/x.flac", "bird/x.flac", "y.flac"], ["bed/x.txt", "bird/x.txt", "y.txt"]),
    (["x.wav", "x.flac"], ["x.wav.txt", "x.flac.txt"]),
    (["a/x.wav", "a/x.flac", "b/x.wav"], ["x.wav.txt", "x.flac.txt", "x.txt"]),
    (["1/a/x.wav", "2/a/x.wav", "3/b/x.wav"], ["1/a/x.txt", "2/a/x.txt", "b/x.txt"]),
    (["-", "/r/stdin.wav"], ["stdin.txt", "r/stdin.txt"]),
    (["/x.wav", "/r/x.wav"], ["x.txt", "r/x.txt"]),
    (["a.b.wav", "a.c.wav", ".hidden"], ["a.b.txt", "a.c.txt", ".hidden.txt"]),
]


@pytest.mark.parametrize(("audio", "names"), NAMES)
def test_names_in_the_folder(audio, names):
    found = bases(audio)
    assert [f"{found[name]}.txt" for name in audio] == names


def test_recordings_of_one_name(exported, spoken, tmp_path):
    for folder, path in (("bed", YES), ("bird", SEVEN)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"x{path.suffix}").write_bytes(path.read_bytes())
    bed, bird = tmp_path / "bed" / "x.flac", tmp_path / "bird" / "x.wav"
    result = run(exported, bed, bird, bed, "-o", tmp_path / "out")
    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "out" / "bed" / "x.txt").read_text() == f"{spoken[0]}\n"
    assert (tmp_path / "out" / "bird" / "x.txt").read_text() == f"{spoken[1]}\n"


def test_a_target_that_cannot_be_written_stops_no_other(exported, tmp_path):
    (tmp_path / "yes.txt").mkdir()
    result = run(exported, YES, SEVEN, "-o", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{YES}: {tmp_path}/yes.txt: cannot be written: ")
    assert (tmp_path / "seven.txt").is_file()
    assert [path.name for path in results(tmp_path)] == ["seven.txt"]


def test_the_longest_name(exported, tmp_path):
    path = tmp_path / f"{'x' * 250}.flac"
    path.write_bytes(YES.read_bytes())
    assert run(exported, path, "-o", tmp_path / "out").exit_code == 0
    assert [item.name for item in results(tmp_path / "out")] == [f"{'x' * 250}.txt"]


def test_the_counter_leaves_the_line_to_messages(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    with Progress(2) as progress:
        progress.step()
        progress.within("a/long-talk.mp3", 125, 3725.5)
    cleared = "\r\x1b[K"
    assert capsys.readouterr().err.split(cleared)[1:] == [
        "1 of 2 files",
        "1 of 2 files, long-talk.mp3: ",
        "",
    ]


def test_the_counter_of_one_file_is_its_own(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress(1)
    progress.within("talk.mp3", 125, 3725.5)
    progress.within("-", 125, None)
    assert capsys.readouterr().err.endswith("talk.mp3: 2:05 of 62:05\r\x1b[K-: 2:05")


def test_a_folder_that_cannot_be_written(exported, tmp_path):
    (tmp_path / "file").touch()
    result = run(exported, YES, "-o", tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_a_folder_without_rights(exported, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)  # root may write everywhere
    result = run(exported, YES, "-o", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path}: cannot be written: Permission denied" in result.stderr


def test_nothing_half_written(exported, tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    result = run(exported, YES, "-o", tmp_path)
    assert result.exit_code == 1
    assert "yes.txt: cannot be written: No space left on device" in result.stderr
    assert not results(tmp_path)


# Again into the same folder: what is done is not done again.


def stamps(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*.txt")}


def test_what_is_done_is_not_done_again(exported, tmp_path):
    missing = tmp_path / "missing.wav"
    run(exported, YES, missing, "-o", tmp_path / "out")
    before = stamps(tmp_path / "out")
    result = run(exported, YES, missing, SEVEN, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "1 of 3 files were done before (--overwrite)",
        f"{missing}: there is no such file",
    ]
    after = stamps(tmp_path / "out")
    assert before.items() <= after.items()
    assert len(after) == 2
    assert run(exported, YES, SEVEN, "-o", tmp_path / "out").exit_code == 0
    assert stamps(tmp_path / "out") == after
    assert run(exported, YES, SEVEN, "-o", tmp_path / "out", "--overwrite").output == ""
    assert not stamps(tmp_path / "out").items() & after.items()


@pytest.mark.parametrize("what", ["the recording", "an option", "the model", "the result"])
def test_what_was_done_otherwise_is_done_again(exported, tmp_path, what):
    audio, out = tmp_path / "a.flac", tmp_path / "out"
    audio.write_bytes(YES.read_bytes())
    run(exported, audio, "-o", out)
    before = stamps(out)
    options = []
    if what == "the recording":
        audio.write_bytes(SEVEN.read_bytes())
    elif what == "an option":
        options = ["--whole-seconds", 30]
    elif what == "the model":
        exported = "commands"
    else:
        (out / "a.txt").unlink()
    result = run(exported, audio, "-o", out, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert not stamps(out).items() & before.items()


def test_what_was_corrected_by_hand_is_kept(exported, tmp_path):
    run(exported, YES, "-o", tmp_path)
    (tmp_path / "yes.txt").write_text("YES, I DID\n")
    run(exported, YES, SEVEN, "-o", tmp_path)
    assert (tmp_path / "yes.txt").read_text() == "YES, I DID\n"


@pytest.mark.parametrize("what", ["the recording", "an option", "the model"])
def test_what_was_corrected_by_hand_is_not_done_again(exported, spoken, tmp_path, what):
    audio, out, options = tmp_path / "a.flac", tmp_path / "out", []
    audio.write_bytes(YES.read_bytes())
    run(exported, audio, SEVEN, "-o", out)
    (out / "a.txt").write_text("YES, I DID\n")
    if what == "the recording":
        audio.touch()
    elif what == "an option":
        options = ["--beam", 2]
    else:
        exported = "commands"
    for _ in range(2):
        result = run(exported, audio, SEVEN, "-o", out, *options)
        assert result.exit_code == 1
        assert (
            f"{audio}: {out}/a.txt: was changed after voxport wrote it: give another folder, or "
            "--overwrite\n"
        ) in result.stderr
        assert (out / "a.txt").read_text() == "YES, I DID\n"
    assert (out / "seven.txt").is_file()
    assert run(exported, audio, "-o", out, *options, "--overwrite").exit_code == 0
    assert (out / "a.txt").read_text() != "YES, I DID\n"


def test_a_file_that_was_never_written_here_is_kept(exported, spoken, tmp_path):
    (tmp_path / "yes.txt").write_text("my notes\n")
    for _ in range(2):
        result = run(exported, YES, SEVEN, "-o", tmp_path)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.endswith(
            f"{YES}: {tmp_path}/yes.txt: is there already, and voxport has no record of writing "
            "it: give another folder, or --overwrite\n"
        )
        assert (tmp_path / "yes.txt").read_text() == "my notes\n"
        assert (tmp_path / "seven.txt").read_text() == f"{spoken[1]}\n"
    assert run(exported, YES, "-o", tmp_path, "--overwrite").exit_code == 0
    assert (tmp_path / "yes.txt").read_text() == f"{spoken[0]}\n"


def test_standard_input_is_another_recording_each_time(exported, spoken, tmp_path):
    for path, text in zip((YES, SEVEN), spoken, strict=True):
        result = run(exported, "-", "-o", tmp_path, input=path.read_bytes())
        assert (result.exit_code, result.output) == (0, "")
        assert (tmp_path / "stdin.txt").read_text() == f"{text}\n"
    (tmp_path / "stdin.txt").write_text("YES, I DID\n")
    assert run(exported, "-", "-o", tmp_path, input=YES.read_bytes()).exit_code == 1
    assert (tmp_path / "stdin.txt").read_text() == "YES, I DID\n"


def test_what_an_interrupted_run_was_to_replace_is_known(exported, tmp_path, monkeypatch):
    """Killed between the record and the renaming: the result is that of the record before."""
    run(exported, YES, "-o", tmp_path)
    before = stamps(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", lambda *_: None)
        run(exported, YES, "-o", tmp_path, "--beam", 2)
    assert stamps(tmp_path) == before
    assert run(exported, YES, "-o", tmp_path).stderr.startswith("1 of 1 files were done before")
    assert run(exported, YES, "-o", tmp_path, "--beam", 2).output == ""


def test_the_transcript_of_another_recording_is_not_lost(exported, tmp_path):
    one, other, out = tmp_path / "1" / "x.flac", tmp_path / "2" / "x.wav", tmp_path / "out"
    for path, content in ((one, YES), (other, SEVEN)):
        path.parent.mkdir()
        path.write_bytes(content.read_bytes())
    run(exported, one, "-o", out)
    before = stamps(out)
    result = run(exported, other, "-o", out)
    assert result.exit_code == 1
    assert f"{out}/x.txt: holds the transcript of {one}, not of {other}" in result.stderr
    assert stamps(out) == before
    assert run(exported, other, "-o", out, "--overwrite").exit_code == 0
    moved = tmp_path / "3" / "x.wav"
    moved.parent.mkdir()
    other.rename(moved)
    assert run(exported, moved, "-o", out).exit_code == 0  # the same recording


@pytest.mark.parametrize("torn", [b'{"result": "yes.t', b"\0\0\xff\n", b"[]\n{}\n3"])
def test_a_torn_record_is_mended(exported, tmp_path, torn):
    run(exported, YES, "-o", tmp_path)
    with (tmp_path / journal.NAME).open("ab") as file:
        file.write(torn)
    before = stamps(tmp_path)
    assert run(exported, YES, SEVEN, "-o", tmp_path).exit_code == 0
    run(exported, YES, SEVEN, "-o", tmp_path)
    assert before.items() <= stamps(tmp_path).items()
    result = run(exported, YES, SEVEN, "-o", tmp_path)
    assert result.stderr == "2 of 2 files were done before (--overwrite)\n"


# As a process of its own: what a shell sees.


def test_killed_in_a_batch_and_run_again(exported, spoken, tmp_path):
    audio, out = tmp_path / "audio", tmp_path / "out"
    audio.mkdir()
    names = [audio / f"{number:02}.flac" for number in range(50)]
    for name in names:
        name.write_bytes(YES.read_bytes())
    arguments = command(exported, *names, "-o", out, "--batch-seconds", 1)
    process = subprocess.Popen(arguments)
    deadline = time.monotonic() + 120
    while len(list(out.glob("*.txt"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    finished = stamps(out)
    assert 5 <= len(finished) < 50
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stderr.startswith(f"{len(finished)} of 50 files were done before")
    assert finished.items() <= stamps(out).items()
    assert [path.name for path in results(out)] == [f"{number:02}.txt" for number in range(50)]
    assert {path.read_text() for path in results(out)} == {f"{spoken[0]}\n"}


def command(*args):
    code = "import sys; from voxport.cli import main; main()"
    return [sys.executable, "-c", code, "transcribe", *map(str, args)]


def test_a_reader_that_stops_reading(exported):
    names = [YES] * 300
    process = subprocess.Popen(
        command(exported, *names, "-f", "json", "--batch-seconds", 2),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith(b'{"file"')
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_nothing_on_standard_input(exported):
    done = subprocess.run(command(exported, "-"), input=b"", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"-: the file is empty (0 bytes)\n"


NAME = b"\xff-\xc3\xa9.flac"  # one byte that is no text, and one letter that is not ASCII


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_names_that_are_no_text(exported, spoken, tmp_path, locale):
    name, missing = (os.fsencode(tmp_path) + b"/" + part for part in (NAME, b"no-" + NAME))
    Path(os.fsdecode(name)).write_bytes(YES.read_bytes())
    settings = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    def output(*args):
        return subprocess.run(
            [*command(exported), *args, name, missing, SEVEN],
            capture_output=True,
            check=False,
            env=settings,
        )

    done = output()
    assert (done.returncode, done.stderr) == (1, missing + b": there is no such file\n")
    assert done.stdout.decode() == f"{spoken[0]}\n{spoken[1]}\n"
    lines = [json.loads(line) for line in output("-f", "json").stdout.splitlines()]
    assert [line.get("text") for line in lines] == [spoken[0], None, spoken[1]]
    output("-o", tmp_path / "out")
    names = [os.fsencode(path.name) for path in results(tmp_path / "out")]
    assert sorted(names) == [b"seven.txt", NAME.replace(b".flac", b".txt")]


# Beam search


ARPA = """\\data\\
ngram 1=5

\\1-grams:
-1.0\t</s>
-99\t<s>
-9.0\t<unk>
-0.2\tyes
-0.5\tone

\\end\\
"""


def test_a_beam(tmp_path):
    model = tmp_path / "words.arpa"
    model.write_text(ARPA, encoding="utf-8")
    for options in (["--beam", 5], ["--lm", model, "--alpha", 1, "--beta", 0.5]):
        result = run("commands", YES, *options)
        assert (result.exit_code, result.stdout) == (0, "YES\n")
    found = json.loads(run("commands", YES, "--hotword", "yes", "-f", "json").stdout)
    assert found["words"][0]["text"] == "YES"
    assert 0 < found["words"][0]["start"] < found["words"][0]["end"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lm", "no.arpa"], "no.arpa: cannot be read: No such file"),
        (["--hotword", "covid19"], "no label spells all of 'covid19'"),
    ],
)
def test_a_beam_that_cannot_be_searched(options, message):
    result = run("commands", YES, *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
