from pathlib import Path

from voxport.machine.cache_folder import cache_folder, ensure_folder


def test_each_file_has_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    first, second = cache_folder("tensorrt", "ab"), cache_folder("tensorrt", "cd")
    assert first == tmp_path / "voxport" / "tensorrt" / "ab"
    assert not first.exists()
    assert ensure_folder(first) == first
    assert first.is_dir()
    assert second != first
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder("tensorrt", "ab").is_relative_to(Path.home() / ".cache")


def test_a_folder_that_cannot_be_created_is_none(tmp_path):
    (tmp_path / "file").touch()
    assert ensure_folder(tmp_path / "file" / "folder") is None
