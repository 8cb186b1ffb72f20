"""``voxport align`` on the shipped model."""

import json

import pytest
from typer.testing import CliRunner

from support import data
from voxport.cli import app

AUDIO = data.SAMPLES / "one-two-three.flac"


def run(*args, **options):
    return CliRunner().invoke(app, ["align", "commands", *map(str, args)], **options)


def test_a_line_a_word():
    result = run(AUDIO, "One, two three")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[3] for line in lines] == ["One,", "two", "three"]
    times = [float(time) for line in lines for time in line[:2]]
    assert times == sorted(times)
    assert all(float(line[2]) > 0.5 for line in lines)


def test_json():
    result = run(AUDIO, "one 2 three", "--format", "json")
    found = json.loads(result.stdout)
    assert found["file"] == str(AUDIO)
    assert found["text"] == "one 2 three"
    assert [word["text"] for word in found["words"]] == ["one", "2", "three"]
    assert found["unspelled"] == [{"word": "2", "characters": "2"}]
    assert (
        result.stderr
        == f"voxport: warning: {AUDIO}: no label spells these, a star holds their place: 2\n"
    )
    assert [token["text"] for token in found["tokens"]][:5] == ["O", "N", "E", " ", "*"]


@pytest.mark.parametrize(("form", "start"), [("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0")])
def test_subtitles(form, start):
    result = run(AUDIO, "one two three", "-f", form)
    assert result.stdout.startswith(start)
    assert "one two three" in result.stdout


def test_a_text_in_a_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("one\ntwo\nthree\n", encoding="utf-8-sig")
    expected = run(AUDIO, "one two three").stdout
    assert run(AUDIO, "--text-file", path).stdout == expected
    assert run(AUDIO, "-t", "-", input="one two three").stdout == expected
    assert run("-", "one two three", input=AUDIO.read_bytes()).stdout == expected


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "give the text, as TEXT or with --text-file"),
        (["one", "-t", "text.txt"], "and only once"),
        (["one", "-f", "xml"], "'xml' is not one of txt, json, srt, vtt, tsv"),
    ],
)
def test_wrong_usage(args, message):
    result = run(AUDIO, *args)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_standard_input_is_read_once():
    assert run("-", "-t", "-").exit_code == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([AUDIO, "1 2 3"], f"{AUDIO}: nothing of the text '1 2 3' can be spelled"),
        ([AUDIO, "one " * 99], "the text is too long for the audio: its 395 labels need"),
        (["no.wav", "one"], "no.wav: there is no such file"),
        ([AUDIO, "-t", "no.txt"], "no.txt: cannot be read: No such file"),
    ],
)
def test_what_cannot_be_aligned(args, message):
    result = run(*args)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("voxport: error: ")
    assert message in result.stderr


def test_a_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"caf\xe9")
    result = run(AUDIO, "-t", path)
    assert result.exit_code == 1
    assert f"{path}: cannot be read" in result.stderr
    assert result.stderr.count("\n") == 1
