"""onnxruntime sends nothing and writes nothing outside: its telemetry is off before its import."""

import os
import shutil
import subprocess
import sys

import pytest

from support import data

TRANSCRIBE = (
    "import sys, voxport; print(voxport.load('commands', 'cpu').transcribe(sys.argv[1]).text)"
)


def run(home, *prefix: str) -> str:
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    environment["TMPDIR"] = str(home)
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [*prefix, sys.executable, "-c", TRANSCRIBE, str(data.SAMPLES / "yes.flac")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return done.stdout


def test_no_file_is_written_outside(tmp_path):
    assert run(tmp_path) == "YES\n"
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace to see system calls")
def test_no_socket_is_opened_and_no_file_is_created(tmp_path):
    log = tmp_path / "calls"
    home = tmp_path / "home"
    home.mkdir()
    calls = "trace=socket,connect,sendto,mkdir,mkdirat,openat,creat,rename,unlink"
    assert run(home, "strace", "-f", "-qq", "-e", calls, "-o", str(log)) == "YES\n"
    lines = log.read_text(errors="replace").splitlines()
    assert [line for line in lines if "socket(" in line or "connect(" in line] == []
    written = [line for line in lines if "O_CREAT" in line or "mkdir" in line]
    assert [line for line in written if "ENOENT" not in line and "EEXIST" not in line] == []


def test_a_choice_of_the_user_is_kept(monkeypatch):
    from voxport.backends.onnx import onnxruntime

    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    onnxruntime()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
