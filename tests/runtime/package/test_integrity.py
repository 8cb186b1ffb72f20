import os
import socket
import warnings

import pytest

from voxport.errors import IntegrityError, PackageError, PackageNotFoundError
from voxport.package.integrity import (
    check_file,
    file_entry,
    private_copies,
    read_file,
    sha256_file,
)

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


@pytest.fixture
def entry(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"abc")
    return file_entry(tmp_path / "a.txt")


def test_the_hash_of_abc_is_the_published_one(tmp_path, entry):
    assert (entry.path, entry.bytes, entry.sha256) == ("a.txt", 3, ABC)
    assert sha256_file(tmp_path / "a.txt") == ABC
    assert check_file(tmp_path, entry) == tmp_path / "a.txt"


def test_a_changed_byte_is_refused_by_hash(tmp_path, entry):
    (tmp_path / "a.txt").write_bytes(b"abd")
    with pytest.raises(IntegrityError, match=rf"a\.txt.*expected sha256 {ABC}, found sha256 a52d"):
        check_file(tmp_path, entry)


def test_a_changed_size_is_refused(tmp_path, entry):
    (tmp_path / "a.txt").write_bytes(b"abcd")
    with pytest.raises(IntegrityError, match=r"a\.txt.*expected 3 bytes, found 4 bytes"):
        check_file(tmp_path, entry)


def test_a_file_without_permission_is_an_error_of_ours(tmp_path, entry, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("voxport.package.integrity.os.open", refuse)
    with pytest.raises(PackageError, match=r"a\.txt: cannot be read: Permission denied"):
        check_file(tmp_path, entry)


def test_the_bytes_that_are_hashed_are_the_bytes_that_are_returned(tmp_path, entry):
    assert read_file(tmp_path, entry) == b"abc"
    with private_copies(tmp_path, [entry]) as space:
        (tmp_path / "a.txt").write_bytes(b"abd")  # what comes after the copy does not matter
        assert (space / "a.txt").read_bytes() == b"abc"
        assert space.stat().st_mode & 0o077 == 0
    assert not space.exists()
    with pytest.raises(IntegrityError), private_copies(tmp_path, [entry]):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "socket"])
def test_only_regular_files_are_read(tmp_path, entry, kind):
    path = tmp_path / "a.txt"
    path.unlink()
    make = {
        "fifo": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "socket": lambda: socket.socket(socket.AF_UNIX).bind(str(path)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        make[kind]()
    for read in (check_file, read_file):
        with pytest.raises(PackageError, match=r"a\.txt: (is no regular file|.* No such device)"):
            read(tmp_path, entry)


def test_a_missing_file_is_named(tmp_path, entry):
    (tmp_path / "a.txt").unlink()
    with pytest.raises(PackageNotFoundError, match=r"a\.txt.*is missing"):
        check_file(tmp_path, entry)
