"""The notebook in docs/ runs from its first cell to its last, and is stored without outputs."""

import json
import subprocess
import sys

import pytest

from support.data import ROOT

PATH = ROOT / "docs" / "speech-recognition.ipynb"
CELLS = json.loads(PATH.read_text(encoding="utf-8"))["cells"]

# In a process of its own: the Jupyter client's warnings are no business of this suite.
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[2]}})
client.execute()
print(nbformat.writes(notebook))
"""


def test_it_runs():
    for module in ("nbclient", "ipykernel", "matplotlib", "torchaudio", "safetensors"):
        pytest.importorskip(module, reason=f"the notebook needs {module}")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(PATH), str(PATH.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = [out for cell in json.loads(done.stdout)["cells"] for out in cell.get("outputs", [])]
    shown = {kind for out in outputs for kind in out.get("data", {})}
    text = "".join("".join(out.get("text", "")) for out in outputs)
    assert "image/png" in shown
    assert text.count("the same within") == 2
    assert text.rstrip().endswith("ONE TWO THREE")


def test_it_is_stored_without_outputs_and_paths():
    for cell in CELLS:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")
    text = PATH.read_text(encoding="utf-8")
    assert not any(f"/{top}/" in text for top in ("home", "work", "tmp", "Users"))
