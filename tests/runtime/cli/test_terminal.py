"""Text on its way to a terminal."""

import io
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from support.command import YES, process_arguments, transcribe
from voxport.cli.terminal import Messages, StatusLine, TerminalStream, fit, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\u00e9 日本 😀", "caf\u00e9 日本 😀"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\udc9b\udcff", "\\x9b\udcff"),  # bytes of a name that are no text: C1, and another
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\\x1b", "a\\x1b"),
    ],
)
def test_control_characters_are_shown(text, shown):
    assert printable(text) == shown


def test_a_terminal_gets_no_control_character():
    buffer = io.BytesIO()
    stream = TerminalStream(buffer, "utf-8")
    stream.write("a\x1b]0;x\x07\nb\tc\n")
    stream.write_raw("\rok")
    with pytest.raises(TypeError):
        stream.write(b"")
    stream.flush()
    assert buffer.getvalue() == b"a\\x1b]0;x\\x07\nb\tc\n\rok"


def test_messages_have_one_form(capsys):
    Messages().error("a\x1b.wav: there is no such file")
    Messages().warn("w")
    Messages(is_quiet=True).warn("not printed")
    Messages(is_quiet=True).note("not printed")
    assert capsys.readouterr().err == (
        "voxport: error: a\\x1b.wav: there is no such file\nvoxport: warning: w\n"
    )


def test_names_are_printed_without_control_characters(tmp_path):
    good = tmp_path / "a\x1b[2J\nb.flac"
    good.write_bytes(YES.read_bytes())
    result = transcribe("commands", good, tmp_path / "no\x1b.wav")
    assert "\x1b" not in result.output
    assert result.stdout == f"{tmp_path}/a\\x1b[2J\\nb.flac: YES\n"
    assert f"{tmp_path}/no\\x1b.wav: there is no such file\n" in result.stderr


def test_a_line_is_cut_by_its_columns():
    assert fit("日本語", 4) == "日本"
    assert fit("日本語", 3, keep_end=True) == "語"


@pytest.mark.parametrize(("term", "shown"), [("xterm", "\rab\rc \r  \r"), ("dumb", "")])
def test_a_status_line_needs_no_escape_sequences(monkeypatch, term, shown):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setenv("TERM", term)
    line = StatusLine(stream)
    line.show("ab")
    line.show("c")
    line._width = 2 if term == "xterm" else 0
    line.clear()
    assert stream.getvalue() == shown


@pytest.mark.skipif(sys.platform != "linux", reason="a pseudo-terminal of Linux")
def test_on_a_terminal(tmp_path):
    """Texts, progress, summary and the warning of words outside the vocabulary."""
    import pty

    rng = np.random.default_rng(0)
    noise = tmp_path / "a\x1b[2J.wav"
    soundfile.write(noise, rng.standard_normal(16000) * 0.1, 16000)
    parent, child = pty.openpty()
    names = [YES, noise]
    process = subprocess.Popen(
        process_arguments("transcribe", "commands", *names), stdout=child, stderr=child
    )
    os.close(child)
    shown = b""
    with suppress(OSError):  # Linux says EIO at the end
        while block := os.read(parent, 4096):
            shown += block
    os.close(parent)
    assert process.wait() == 0
    text = shown.decode()
    assert f"{YES}: YES\r\n" in text
    assert "a\\x1b[2J.wav: " in text
    assert "1 of 2 files" in text
    assert "voxport: 2 of 2 files done: " in text
    assert "\x1b" not in text
