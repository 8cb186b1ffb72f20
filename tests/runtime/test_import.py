"""Costs of ``import voxport`` and ``voxport --help`` in a fresh interpreter, and public names."""

import ast
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import voxport
from support.data import ROOT
from voxport import errors

HEAVY = {"torch", "torchaudio", "onnx", "onnxruntime", "soundfile", "numpy", "matplotlib"}
HEAVY |= {"voxport_export"}


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded once `code` has run."""
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_import_loads_nothing_heavy():
    assert not modules_after("import voxport") & HEAVY


def test_help_loads_nothing_heavy():
    code = "from voxport.cli import app\ntry: app(['--help'])\nexcept SystemExit: pass"
    assert not modules_after(code) & (HEAVY - {"voxport_export"})


def test_recognizing_with_onnx_needs_no_torch(exported):
    code = (
        "import voxport, numpy\n"
        f"voxport.load({str(exported)!r}, 'cpu').transcribe(numpy.zeros(16000, 'float32'))"
    )
    assert not modules_after(code) & {"torch", "torchaudio", "onnx", "voxport_export"}


@pytest.mark.slow
def test_import_takes_less_than_300_ms():
    code = "import time; t = time.perf_counter(); import voxport; print(time.perf_counter() - t)"
    runs = [subprocess.check_output([sys.executable, "-c", code]) for _ in range(3)]
    assert min(map(float, runs)) < 0.3


@pytest.mark.slow
def test_help_takes_less_than_500_ms():
    def run():
        start = time.perf_counter()
        code = "from voxport.cli import main; main()"
        subprocess.run([sys.executable, "-c", code, "--help"], check=True, capture_output=True)
        return time.perf_counter() - start

    assert min(run() for _ in range(3)) < 0.5


@pytest.mark.parametrize("name", voxport.__all__)
def test_every_listed_name_is_there(name):
    assert getattr(voxport, name) is not None


def test_about_twenty_names_are_listed():
    """A stranger reads them all; errors are in ``voxport.errors``."""
    assert len(voxport.__all__) <= 22
    assert [name for name in voxport.__all__ if name.endswith("Error")] == ["VoxportError"]
    assert dir(voxport) == sorted(voxport.__all__)


def test_editors_see_every_listed_name():
    """Names are imported lazily, so that a type checker needs them spelled out."""
    tree = ast.parse(Path(voxport.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for name in set(voxport.__all__) - {"__version__"}:
        assert imported[name] == f"voxport.{voxport._MODULES[name]}"


@pytest.mark.parametrize("name", [name for name in vars(errors) if name.endswith("Error")])
def test_errors_are_reachable_without_being_listed(name):
    assert getattr(voxport, name) is getattr(errors, name)


@pytest.mark.parametrize("name", ["nonsense", "NonsenseError", "_hidden"])
def test_an_unknown_name_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=f"module 'voxport' has no attribute '{name}'"):
        getattr(voxport, name)


def test_the_version_stands_in_one_place():
    """Hatchling reads it from the module, for a wheel as for an editable install."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project
    assert not re.search(r"^version\s*=", project, re.MULTILINE)
    source = re.search(r'\[tool\.hatch\.version\]\npath = "([^"]+)"', project)[1]
    text = (ROOT / source).read_text(encoding="utf-8")
    assert re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)[1] == voxport.__version__
