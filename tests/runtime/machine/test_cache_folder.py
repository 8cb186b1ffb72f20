from pathlib import Path

from voxport.machine import cache_folder


def test_a_folder_of_its_own_for_each_file(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    first, second = cache_folder.folder("tensorrt", "ab"), cache_folder.folder("tensorrt", "cd")
    assert first == tmp_path / "voxport" / "tensorrt" / "ab"
    assert not first.exists()
    assert cache_folder.made(first) == first
    assert first.is_dir()
    assert second != first
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder.folder("tensorrt", "ab").is_relative_to(Path.home() / ".cache")


def test_where_none_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    assert cache_folder.made(tmp_path / "file" / "folder") is None
