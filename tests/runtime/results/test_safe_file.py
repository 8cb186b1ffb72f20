"""Files that are whole or absent, and never written or read through a planted link."""

import os
import sys

import pytest

from voxport.results.safe_file import open_regular, replace_file, temporary_name

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and FIFOs of POSIX")


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path):
    victim, target = tmp_path / "victim", tmp_path / "yes.txt"
    victim.write_text("precious")
    (tmp_path / temporary_name("yes.txt")).symlink_to(victim)
    replace_file(target, b"YES\n")
    assert victim.read_text() == "precious"
    assert target.read_bytes() == b"YES\n"
    assert not target.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["victim", "yes.txt"]


def test_a_link_that_comes_back_is_refused(tmp_path, monkeypatch):
    """Planted again between the removal and the opening."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    planted = tmp_path / temporary_name("yes.txt")
    planted.symlink_to(victim)
    monkeypatch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "yes.txt", b"YES\n")
    assert victim.read_text() == "precious"


def test_a_link_in_the_place_of_the_result_is_replaced(tmp_path):
    victim, target = tmp_path / "victim", tmp_path / "yes.txt"
    victim.write_text("precious")
    target.symlink_to(victim)
    replace_file(target, b"YES\n")
    assert (victim.read_text(), target.read_text()) == ("precious", "YES\n")


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_regular_files_are_opened(tmp_path, kind):
    path = tmp_path / "x"
    if kind == "link":
        (tmp_path / "other").touch()
        path.symlink_to(tmp_path / "other")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError, match=r"Too many levels|no regular file|Is a directory"):
        open_regular(path, os.O_RDONLY, "rb")
