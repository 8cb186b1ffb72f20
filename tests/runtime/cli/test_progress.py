"""Progress and summaries on stderr."""

from voxport.cli.progress import Progress
from voxport.cli.terminal import Messages


def test_the_counter_leaves_the_line_to_messages(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    with Progress(2, Messages()) as progress:
        progress.step()
        progress.within("a/long-talk.mp3", 125, 3725.5)
    first, second = "1 of 2 files", "1 of 2 files, long-talk.mp3: "
    assert capsys.readouterr().err == f"\r{first}\r{second}\r{' ' * len(second)}\r"


def test_the_counter_of_one_file_is_its_own(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress(1, Messages())
    progress.within("talk.mp3", 125, 3725.5)
    progress.within("-", 125, None)
    assert capsys.readouterr().err.endswith("talk.mp3: 2:05 of 62:05\r-: 2:05" + " " * 16)
