"""``voxport transcribe`` as a process of its own: kills, closed pipes, names that are no text."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from support.command import SEVEN, YES, process_arguments, results, stamps


def command(*args):
    return process_arguments("transcribe", *args)


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
    assert done.stderr.startswith(f"voxport: {len(finished)} of 50 files were done before")
    assert finished.items() <= stamps(out).items()
    assert [path.name for path in results(out)] == [f"{number:02}.txt" for number in range(50)]
    assert {path.read_text() for path in results(out)} == {f"{spoken[0]}\n"}


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
    assert done.stderr == b"voxport: error: -: the file is empty (0 bytes)\n"


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
    assert done.returncode == 1
    line = b"voxport: error: " + missing + b": there is no such file\n"
    assert done.stderr.startswith(line)
    named = ((name, spoken[0]), (os.fsencode(SEVEN), spoken[1]))
    assert done.stdout == b"".join(path + f": {text}\n".encode() for path, text in named)
    lines = [json.loads(line) for line in output("-f", "json").stdout.splitlines()]
    assert [line.get("text") for line in lines] == [spoken[0], None, spoken[1]]
    output("-o", tmp_path / "out")
    names = [os.fsencode(path.name) for path in results(tmp_path / "out")]
    assert sorted(names) == [b"seven.txt", NAME.replace(b".flac", b".txt")]
