"""One writer of a folder at a time."""

import os
import subprocess
import sys

import pytest

from voxport.errors import OutputError
from voxport.results.folder_lock import NAME, FolderLock


def test_a_second_writer_is_told_who_holds_it(tmp_path):
    with FolderLock(tmp_path):
        message = rf"process {os.getpid()} on this machine \(since \d\d:\d\d\) is writing into it"
        with pytest.raises(OutputError, match=message), FolderLock(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []
    with FolderLock(tmp_path):
        assert (tmp_path / NAME).is_file()


def test_a_lock_ends_with_its_process(tmp_path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from voxport.results.folder_lock import FolderLock\n"
        "FolderLock(Path(sys.argv[1])).__enter__(); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert done.returncode == 9
    assert (tmp_path / NAME).is_file()
    with FolderLock(tmp_path):
        pass


@pytest.mark.parametrize("content", [b"", b"[]", b'{"process": 1e400}', b"\xff" * 9000])
def test_an_unreadable_holder_is_another_process(tmp_path, content):
    with FolderLock(tmp_path):
        (tmp_path / NAME).write_bytes(content)
        with pytest.raises(OutputError, match="another process is writing"), FolderLock(tmp_path):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
def test_a_link_in_its_place_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / NAME).symlink_to(victim)
    with pytest.raises(OutputError, match="cannot be locked"), FolderLock(tmp_path):
        pass
    assert victim.read_text() == "precious"
