"""The record of finished results, also one that somebody else wrote."""

import json
import os
import sys

import pytest

from voxport.errors import OutputError
from voxport.results.journal import NAME, Journal, create_task


def write_result(folder, audio):
    """A result as a run leaves it."""
    result, task = folder / "a.txt", create_task(str(audio), "settings")
    result.write_text("A\n")
    Journal(folder).record(result, task, result.stat().st_mtime_ns)
    return result, task


@pytest.fixture
def audio(tmp_path):
    path = tmp_path / "audio" / "a.wav"
    path.parent.mkdir()
    path.write_bytes(b"RIFF")
    return path


def test_a_result_is_remembered(tmp_path, audio):
    result, task = write_result(tmp_path, audio)
    assert Journal(tmp_path).is_done(result, task)
    assert not Journal(tmp_path).is_done(result, create_task(str(audio), "others"))


@pytest.mark.parametrize(
    "change",
    [
        {"at": 1e400},
        {"at": "soon"},
        {"at": None},
        {"bytes": []},
        {"file": 3},
        {"file": ["a"]},
        {"modified": {}},
        {"settings": None},
        {"result": ["a.txt"]},
    ],
    ids=str,
)
def test_a_line_of_wrong_types_is_skipped(tmp_path, audio, change):
    result, task = write_result(tmp_path, audio)
    line = json.loads((tmp_path / NAME).read_text())
    bad = json.dumps(line | change).replace("Infinity", "1e400")
    with (tmp_path / NAME).open("a") as file:
        file.write(bad + "\n" + "[" * 50_000 + "\n")
    journal = Journal(tmp_path)
    assert journal.is_done(result, task)
    assert journal.reason_not_to_overwrite(result, task) is None


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs of POSIX")
def test_a_fifo_in_its_place_is_an_error(tmp_path):
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(OutputError, match=r"\.voxport\.jsonl: cannot be read: it is no regular"):
        Journal(tmp_path)
