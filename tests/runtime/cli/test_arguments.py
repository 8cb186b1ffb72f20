"""Packages and recordings on the command line: left out, swapped, folders, lists, one file."""

import json
import shutil

import pytest

from support.command import SEVEN, YES, run, transcribe
from voxport.cli import package_argument
from voxport.package.find import SHIPPED

EXIT_USAGE = 2


def words(text):
    return " ".join(text.split())


# PACKAGE


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([YES], f"{YES} is a recording, and no package is named: voxport transcribe PACKAGE {YES}"),
        ([YES, "commands"], f"comes first: voxport transcribe commands {YES}"),
        ([YES, SHIPPED / "commands"], f"{YES} is a recording and {SHIPPED}/commands a package"),
        (["commands"], "no AUDIO is given"),
        (["commands", YES, "--device", "cuda"], "no such option --device: voxport has --provider"),
        (["commands", YES, "-p", "gpu"], "unknown provider 'gpu': expected auto, cpu"),
        (["commands", YES, "-p", "cuda:0"], "did you mean cuda?"),
        (["commands", YES, "-p", "gpu"], "did you mean cuda?"),
    ],
)
def test_wrong_usage_is_explained(args, message):
    result = transcribe(*args)
    assert (result.exit_code, result.stdout) == (EXIT_USAGE, "")
    assert result.stderr.startswith("voxport: error: ")
    assert result.stderr.endswith(" (see voxport transcribe --help)\n")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_the_environment_names_a_package(monkeypatch, tmp_path):
    monkeypatch.setenv(package_argument.ENVIRONMENT, "commands")
    assert transcribe(YES).stdout == "YES\n"
    assert transcribe("commands", YES).stdout == "YES\n"
    assert transcribe(YES, SEVEN, "--no-filenames").stdout == "YES\nSEVEN\n"
    assert run("align", YES, "yes").stdout.endswith("yes\n")
    assert run("inspect").exit_code == 0
    assert run("plot", YES, "-o", tmp_path / "x.gif").exit_code == 1
    monkeypatch.setenv(package_argument.ENVIRONMENT, "nothing")
    assert "'nothing' is neither a folder nor a shipped model" in transcribe(YES).stderr
    assert transcribe("commands", YES).stdout == "YES\n"


def test_a_file_of_a_package_means_that_artifact(tmp_path):
    package = tmp_path / "package"
    shutil.copytree(SHIPPED / "commands", package)
    assert transcribe(package / "model.int8.onnx", YES).stdout == "YES\n"
    assert transcribe(package / "manifest.json", YES).stdout == "YES\n"
    assert run("inspect", package / "model.onnx").exit_code == 0
    result = transcribe(package / "model.int8.onnx", YES, "--precision", "fp32")
    assert result.exit_code == EXIT_USAGE
    assert "is the int8 onnx artifact, and --artifact or --precision names another" in result.stderr
    (package / "model.onnx").write_bytes(b"")
    assert transcribe(package / "model.int8.onnx", YES).exit_code == 0  # not the default artifact


# AUDIO


@pytest.fixture
def folder(tmp_path):
    audio = tmp_path / "audio"
    (audio / "inner").mkdir(parents=True)
    (audio / "b.flac").write_bytes(YES.read_bytes())
    (audio / "notes.txt").write_text("no audio")
    (audio / "inner" / "a.wav").write_bytes(SEVEN.read_bytes())
    return audio


def test_a_folder_means_its_recordings(folder):
    assert transcribe("commands", folder).stdout == "YES\n"
    assert transcribe("commands", folder, "--recursive").stdout == (
        f"{folder}/b.flac: YES\n{folder}/inner/a.wav: SEVEN\n"
    )
    empty = transcribe("commands", folder, folder / "inner" / "..", folder.parent)
    assert empty.exit_code == 1
    assert f"voxport: error: {folder.parent}: is a folder" in empty.stderr


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_names_from_a_list(folder, end):
    names = end.join([f"{folder}/b.flac", f"{folder}/inner/a.wav", ""])
    (folder / "list").write_bytes(names.encode())
    expected = f"{folder}/b.flac: YES\n{folder}/inner/a.wav: SEVEN\n"
    assert transcribe("commands", "--files-from", folder / "list").stdout == expected
    result = transcribe("commands", "--files-from", "-", input=names.encode())
    assert result.stdout == expected
    assert transcribe("commands", "-", "--files-from", "-").exit_code == EXIT_USAGE
    (folder / "list").write_text("\n")
    assert (
        f"{folder}/list: names no recording"
        in transcribe("commands", "--files-from", folder / "list").stderr
    )


def test_a_pattern_that_the_shell_left_alone(folder):
    assert transcribe("commands", folder / "*.flac").stdout == "YES\n"
    assert "*.mp3: there is no such file" in transcribe("commands", folder / "*.mp3").stderr


# -o FILE


def test_one_recording_goes_into_one_file(tmp_path):
    target = tmp_path / "talk.srt"
    assert transcribe("commands", YES, "-o", target).exit_code == 0
    assert target.read_text().startswith("1\n00:00:0")
    assert [path.name for path in tmp_path.iterdir()] == ["talk.srt"]
    result = transcribe("commands", YES, "-o", target)
    assert result.exit_code == 1
    assert f"{target}: is there already: give another name, or --overwrite" in result.stderr
    assert transcribe("commands", SEVEN, "-o", target, "--overwrite").exit_code == 0
    assert "SEVEN" in target.read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([YES, SEVEN, "-o", "talk.srt"], "talk.srt is a file for one recording, and 2 are given"),
        ([YES, "-o", "talk.srt", "-f", "vtt"], "talk.srt ends in .srt, and --format says vtt"),
    ],
)
def test_a_file_that_does_not_fit(args, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = transcribe("commands", *args)
    assert result.exit_code == EXIT_USAGE
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_align_into_a_file(tmp_path):
    target = tmp_path / "talk.json"
    result = run("align", "commands", YES, "yes", "-o", target)
    assert (result.exit_code, result.output) == (0, "")
    assert json.loads(target.read_text())["words"][0]["text"] == "yes"
    wrong = run("align", "commands", YES, "yes", "-o", target, "-f", "srt")
    assert wrong.exit_code == EXIT_USAGE


# samples


def test_samples_are_recordings_that_the_shipped_model_understands():
    paths = run("samples").stdout.splitlines()
    assert len(paths) == 10
    result = transcribe("commands", *paths)
    assert result.exit_code == 0
    assert [line.split(": ")[1] for line in result.stdout.splitlines()][-2:] == ["STOP", "YES"]


def test_a_file_that_cannot_be_written_fails_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("voxport.loading.load", None)
    result = transcribe("commands", YES, "-o", tmp_path / "no" / "such.txt")
    assert (result.exit_code, result.stdout) == (1, "")
    target = tmp_path / "no" / "such.txt"
    reason = f"cannot be written: there is no folder {tmp_path / 'no'}"
    assert result.stderr == f"voxport: error: {target}: {reason}\n"


def test_a_folder_without_recordings_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    result = transcribe("commands", tmp_path)
    assert "is a folder without audio files (.wav, .flac, .ogg, .oga, .opus …)\n" in result.stderr
    (tmp_path / "deeper").mkdir()
    shutil.copy(YES, tmp_path / "deeper")
    assert "--recursive searches the folders in it" in transcribe("commands", tmp_path).stderr


@pytest.mark.parametrize("name", ["talk.mp3", "talk.text", "talk.docx"])
def test_a_name_of_another_file_makes_no_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = transcribe("commands", YES, "-o", name)
    assert result.exit_code == EXIT_USAGE
    assert (
        f"a file's name ends in .txt, .json, .srt, .vtt, .tsv; a folder of this name is {name}/"
        in (words(result.stderr))
    )
    assert not list(tmp_path.iterdir())
    assert transcribe("commands", YES, "-o", f"{name}/").exit_code == 0
    assert (tmp_path / name / "yes.txt").read_text() == "YES\n"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "notes").write_text("mine")
    result = transcribe("commands", YES, "-o", tmp_path / "notes")
    assert result.exit_code == EXIT_USAGE
    assert f"{tmp_path}/notes is no folder, and a file's name ends in .txt" in words(result.stderr)
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_dash_is_standard_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert transcribe("commands", YES, "-o", "-").stdout == "YES\n"
    assert not list(tmp_path.iterdir())
