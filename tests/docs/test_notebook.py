"""The notebook in docs/ runs from its first cell to its last, and is stored with its pictures."""

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
    assert "KNIGHT RODE" in text
    assert "beam search with a language model: NIGHT FELL" in text
    assert "ONE TWO THREE" in text


def test_stored_outputs_have_pictures_and_no_path_of_a_machine():
    outputs = [out for cell in CELLS for out in cell.get("outputs", [])]
    kinds = [kind for out in outputs for kind in out.get("data", {})]
    assert kinds.count("image/png") == 3
    text = PATH.read_text(encoding="utf-8")
    assert not any(f"/{top}/" in text for top in ("home", "work", "tmp", "Users"))
