"""``voxport transcribe -o``: a file a recording, and a second run into the same folder."""

import pytest

from support.command import SEVEN, YES, results, stamps
from support.command import transcribe as run
from voxport.results import journal


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
    assert result.stderr.startswith(
        f"voxport: error: {YES}: {tmp_path}/yes.txt: cannot be written: "
    )
    assert (tmp_path / "seven.txt").is_file()
    assert [path.name for path in results(tmp_path)] == ["seven.txt"]


def test_the_longest_name(exported, tmp_path):
    path = tmp_path / f"{'x' * 250}.flac"
    path.write_bytes(YES.read_bytes())
    assert run(exported, path, "-o", tmp_path / "out").exit_code == 0
    assert [item.name for item in results(tmp_path / "out")] == [f"{'x' * 250}.txt"]


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


def test_what_is_done_is_not_done_again(exported, tmp_path):
    missing = tmp_path / "missing.wav"
    run(exported, YES, missing, "-o", tmp_path / "out")
    before = stamps(tmp_path / "out")
    result = run(exported, YES, missing, SEVEN, "-o", tmp_path / "out")
    assert result.exit_code == 1
    *lines, last = result.stderr.splitlines()
    assert lines == [
        "voxport: 1 of 3 files were done before (--overwrite)",
        f"voxport: error: {missing}: there is no such file",
    ]
    assert last.startswith("voxport: 2 of 3 files done, 1 failed: ")
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
            "--overwrite (overwrite=True)\n"
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
        assert (
            f"{YES}: {tmp_path}/yes.txt: is there already, and voxport has no record of writing "
            "it: give another folder, or --overwrite (overwrite=True)\n"
        ) in result.stderr
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
    assert run(exported, YES, "-o", tmp_path).stderr.startswith(
        "voxport: 1 of 1 files were done before"
    )
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
    assert result.stderr == "voxport: 2 of 2 files were done before (--overwrite)\n"
