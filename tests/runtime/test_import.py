"""Cost of `import voxport` and `voxport --help`, each in a fresh interpreter."""

import subprocess
import sys
import time

import pytest

import voxport

HEAVY = {"torch", "torchaudio", "onnx", "onnxruntime", "soundfile", "numpy", "matplotlib"}
HEAVY |= {"voxport_export"}


def modules_after(code: str) -> set[str]:
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


def test_import_is_quick():
    code = "import time; t = time.perf_counter(); import voxport; print(time.perf_counter() - t)"
    runs = [subprocess.check_output([sys.executable, "-c", code]) for _ in range(3)]
    assert min(map(float, runs)) < 0.3


def test_help_is_quick():
    def run():
        start = time.perf_counter()
        code = "from voxport.cli import main; main()"
        subprocess.run([sys.executable, "-c", code, "--help"], check=True, capture_output=True)
        return time.perf_counter() - start

    assert min(run() for _ in range(3)) < 0.5


@pytest.mark.parametrize("name", voxport.__all__)
def test_every_public_name_is_there(name):
    assert getattr(voxport, name) is not None


def test_unknown_name():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = voxport.nonsense
