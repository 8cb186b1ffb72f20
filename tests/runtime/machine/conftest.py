import pytest

from voxport.machine import system_files


@pytest.fixture
def system(monkeypatch):
    """A fake ``/proc`` and ``/sys``: call it with the content of each file."""

    def replace(files: dict[str, str]) -> None:
        monkeypatch.setattr(system_files, "read_text", lambda path: files.get(path, ""))

    return replace
