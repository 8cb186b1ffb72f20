"""torch and torchaudio that do not fit each other get an error with a remedy."""

import os
import subprocess
import sys

import pytest

from support.command import process_arguments
from support.data import ROOT, SAMPLES

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read pyproject.toml")

# What torchaudio 2.11.0 says beside a torch of another CUDA version
REFUSAL = "Detected that PyTorch and TorchAudio were compiled with different CUDA versions."


@pytest.fixture
def environment(tmp_path):
    """A torchaudio in front of the installed one, whose import fails."""
    folder = tmp_path / "front" / "torchaudio"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"raise RuntimeError({REFUSAL!r})\n")
    paths = [str(folder.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run(environment, *arguments):
    return subprocess.run(
        process_arguments(*arguments), capture_output=True, text=True, env=environment
    )


def test_the_command_names_both_versions_and_a_pair(environment, tmp_path):
    done = run(environment, "export", "commands", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"do not import together: {REFUSAL}" in done.stderr
    assert 'pip install "torch==2.11.0" "torchaudio==2.11.0"' in done.stderr
    assert not (tmp_path / "out").exists()


def test_python_raises_it_too(environment):
    code = (
        "from voxport_export import export_package\nfrom voxport.errors import VoxportError\n"
        "try: export_package('commands', 'never')\n"
        "except VoxportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert "do not import together" in done.stdout, done.stderr


def test_the_runtime_works_without_the_pair(environment):
    done = run(environment, "transcribe", "commands", SAMPLES / "yes.flac")
    assert (done.returncode, done.stdout.strip()) == (0, "YES"), done.stderr


def test_the_runtime_has_no_newest_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.10"
