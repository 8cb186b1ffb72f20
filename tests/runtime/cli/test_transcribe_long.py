"""A long recording on standard output: its words are printed while it runs."""

import numpy as np
import pytest
import soundfile

import voxport
from support import data
from support.command import transcribe
from voxport.cli import transcript_output

OPTIONS = ("--whole-seconds", "0", "--threads", "1")


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A recording of 50 s, longer than a window."""
    samples, rate = soundfile.read(data.SAMPLES / "one-two-three.flac", dtype="float32")
    path = tmp_path_factory.mktemp("talk") / "talk.flac"
    soundfile.write(path, np.resize(samples, 50 * rate), rate)
    return path


@pytest.fixture(scope="module")
def text(talk):
    """Its text, printed at once."""
    return voxport.load("commands", "cpu", threads=1, whole_seconds=0).transcribe(talk).text


@pytest.fixture
def printed(monkeypatch):
    """What is printed, piece by piece."""
    pieces = []
    monkeypatch.setattr(transcript_output.typer, "echo", lambda text, nl: pieces.append(text))
    return pieces


def test_words_are_printed_as_windows_finish_and_add_up_to_the_text(talk, text, printed):
    assert transcribe("commands", talk, *OPTIONS).exit_code == 0
    assert len(printed) > 1
    assert all(piece.endswith(" ") for piece in printed[:-1])
    assert "".join(printed) == f"{text}\n"


def test_python_hears_the_beginning_of_the_text(talk, text):
    heard = []
    recognizer = voxport.load("commands", "cpu", threads=1, whole_seconds=0, window_seconds=20)
    (outcome,) = recognizer.transcribe_each(
        [talk], on_text=lambda *heard_now: heard.append(heard_now)
    )
    assert {name for name, _ in heard} == {str(talk)}
    assert len(heard) > 1
    assert outcome.result().text.startswith("".join(part for _, part in heard))


@pytest.mark.parametrize("form", ["json", "srt"])
def test_other_formats_are_printed_whole(talk, printed, form):
    transcribe("commands", talk, *OPTIONS, "--format", form)
    assert len(printed) == 1


def test_a_list_of_several_has_a_line_each(talk, text, printed):
    transcribe("commands", talk, data.SAMPLES / "yes.flac", *OPTIONS)
    assert printed == [f"{talk}: {text}\n", f"{data.SAMPLES}/yes.flac: YES\n"]


def test_a_list_on_a_terminal_grows_behind_its_name(printed, monkeypatch):
    output = transcript_output.StandardOutput("txt", True, transcript_output.Messages())
    monkeypatch.setattr(transcript_output.sys.stdout, "isatty", lambda: True, raising=False)
    output.grow("a.wav", "ONE ")
    assert output.is_growing
    output.write("a.wav", voxport.Transcript("ONE TWO", 1.0))
    assert not output.is_growing
    assert printed == ["a.wav: ONE ", "TWO\n"]


def test_a_recording_that_fails_on_the_way_ends_its_line(printed, capsys):
    output = transcript_output.StandardOutput("txt", False, transcript_output.Messages())
    output.grow("a.wav", "ONE ")
    output.fail("a.wav", "damaged or truncated after 80 s")
    assert printed == ["ONE ", "\n"]
    assert capsys.readouterr().err == "voxport: error: a.wav: damaged or truncated after 80 s\n"


def test_an_interrupted_recording_ends_its_line(printed):
    output = transcript_output.StandardOutput("txt", False, transcript_output.Messages())

    def interrupt():
        with output:
            output.grow("a.wav", "ONE ")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert printed == ["ONE ", "\n"]
