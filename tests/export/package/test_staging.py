"""A package is there whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from voxport_export.errors import ExportError
from voxport_export.package.staging import check_destination, staged


def test_written_whole(tmp_path):
    with staged(tmp_path / "new") as folder:
        (folder / "manifest.json").write_text("{}")
        assert not (tmp_path / "new").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_a_failure_leaves_what_was_there(tmp_path):
    output = tmp_path / "package"
    output.mkdir()
    (output / "manifest.json").write_text("earlier")

    def fail():
        with staged(output) as folder:
            (folder / "manifest.json").write_text("later")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["package"]
    assert (output / "manifest.json").read_text() == "earlier"


def test_an_earlier_package_is_replaced(tmp_path):
    output = tmp_path / "package"
    for text in ("earlier", "later"):
        with staged(output) as folder:
            (folder / "manifest.json").write_text(text)
    assert (output / "manifest.json").read_text() == "later"
    assert [p.name for p in tmp_path.iterdir()] == ["package"]


KILLED = """
import pathlib, sys, time
from voxport_export.package.staging import staged
with staged(pathlib.Path(sys.argv[1])) as folder:
    (folder / "manifest.json").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_killed_export_leaves_no_package(tmp_path):
    output = tmp_path / "package"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(output)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "writing\n"
        process.kill()
    assert not output.exists()
    assert all(p.name.startswith(".package.partial-") for p in tmp_path.iterdir())
    with staged(output) as folder:
        (folder / "manifest.json").write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["package"]


def test_an_earlier_package_comes_back_after_a_kill_between_two_renames(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    earlier = tmp_path / f".package.earlier-{dead.pid}"
    earlier.mkdir()
    (earlier / "manifest.json").write_text("earlier")

    def fail():
        with staged(tmp_path / "package"):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert (tmp_path / "package" / "manifest.json").read_text() == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["package"]


def test_a_link_is_followed(tmp_path):
    target = tmp_path / "target"
    for text in ("earlier", "later"):
        with staged(target) as folder:
            (folder / "manifest.json").write_text(text)
        (tmp_path / "link").is_symlink() or (tmp_path / "link").symlink_to("target")
        with staged(tmp_path / "link") as folder:
            (folder / "manifest.json").write_text("through the link")
        assert (target / "manifest.json").read_text() == "through the link"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "target"]


def test_the_current_folder_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    for output in (".", ".."):
        with pytest.raises(ExportError, match="the current folder is in it"):
            check_destination(Path(output))


def test_a_running_export_is_left_alone(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        other = tmp_path / f".package.partial-{process.pid}"
        other.mkdir()
        with staged(tmp_path / "package"):
            pass
        assert other.is_dir()
    finally:
        process.kill()
        process.wait()


def test_a_file_is_left_alone(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ExportError, match="there is a file of this name"):
        check_destination(tmp_path / "notes")


@pytest.mark.parametrize("name", ["thesis.txt", "manifest.json"])
def test_a_folder_of_other_things_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text('{"name": "my web app"}')
    with pytest.raises(ExportError, match=f"'{name}' is not part of an earlier package"):
        check_destination(tmp_path)


def test_a_package_with_other_things_is_left_alone(package):
    check_destination(package)
    (package / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"'notes\.txt' is not part of an earlier package"):
        check_destination(package)


def test_a_folder_without_rights(tmp_path):
    tmp_path.chmod(0o500)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may write anywhere; nobody may not
    try:
        with pytest.raises(ExportError, match="cannot be made: Permission denied"):
            check_destination(tmp_path / "package")
    finally:
        os.seteuid(user)
