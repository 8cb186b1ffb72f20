"""``transcribe_folder`` from Python."""

import pytest

from support import fakes
from voxport.errors import InputError, OutputError
from voxport.recognizer import Recognizer
from voxport.results.folder import transcribe_folder

soundfile = pytest.importorskip("soundfile")


@pytest.fixture
def audio(tmp_path):
    """A folder with two recordings, one of them in a folder of its own."""
    folder = tmp_path / "audio"
    (folder / "inner").mkdir(parents=True)
    for path, text in ((folder / "a.wav", "A-B"), (folder / "inner" / "b.wav", "C")):
        soundfile.write(path, fakes.say(text), fakes.RATE, subtype="FLOAT")
    return folder


@pytest.fixture
def recognizer():
    return Recognizer(fakes.manifest(), fakes.artifact(), fakes.FakeBackend())


def test_a_file_a_recording(audio, recognizer, tmp_path):
    outcomes = transcribe_folder(recognizer, audio, tmp_path / "out")
    assert [outcome.status for outcome in outcomes] == ["written", "written"]
    assert [outcome.path.name for outcome in outcomes] == ["a.txt", "b.txt"]
    assert [outcome.path.read_text() for outcome in outcomes] == ["AB\n", "C\n"]
    assert outcomes[0].transcript.text == "AB"


def test_results_of_an_earlier_call_are_kept(audio, recognizer, tmp_path):
    transcribe_folder(recognizer, audio / "a.wav", tmp_path / "out", format="json")
    outcomes = transcribe_folder(recognizer, [audio], tmp_path / "out", format="json")
    assert [outcome.status for outcome in outcomes] == ["kept", "written"]
    again = transcribe_folder(recognizer, audio, tmp_path / "out", format="json", overwrite=True)
    assert [outcome.status for outcome in again] == ["written", "written"]


def test_a_failure_stops_no_other(audio, recognizer, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("my notes\n")
    names = [audio / "a.wav", audio / "no.wav", audio / "inner" / "b.wav"]
    outcomes = transcribe_folder(recognizer, names, tmp_path / "out")
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "written"]
    assert isinstance(outcomes[0].error, OutputError)
    assert "no record of writing it" in str(outcomes[0].error)
    assert "there is no such file" in str(outcomes[1].error)
    assert (tmp_path / "out" / "a.txt").read_text() == "my notes\n"


def test_wrong_arguments(audio, recognizer, tmp_path):
    with pytest.raises(InputError, match="unknown format 'pdf': expected txt"):
        transcribe_folder(recognizer, audio, tmp_path / "out", format="pdf")
    with pytest.raises(InputError, match="there is no recording"):
        transcribe_folder(recognizer, [], tmp_path / "out")
