"""Behaviour on a GPU that its options are chosen for. ``pytest -m cuda``."""

import shutil
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import voxport
from support import data
from voxport import doctor
from voxport.backends import onnx, providers
from voxport.backends.onnx_protobuf import without_output
from voxport.backends.onnx_provider_options import Settings, provider_options
from voxport.package.find import find_package
from voxport.verification.verify import verify

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(
        providers.CUDA not in onnx.onnxruntime().get_available_providers(),
        reason='this onnxruntime was built without CUDA: pip install "voxport[gpu]"',
    ),
]
RATE = 16_000
SAMPLES = sorted(data.SAMPLES.glob("*.flac"))
COMPUTED = {"MatMul", "Conv", "Gelu", "LayerNormalization", "Softmax", "Scan", "ScatterElements"}


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).uniform(-0.1, 0.1, samples).astype(np.float32)


def texts(recognizer) -> list[str]:
    return [transcript.text for transcript in recognizer.transcribe(SAMPLES)]


def test_the_shipped_package_verifies_on_cuda():
    report = verify(find_package("commands"), provider="cuda")
    assert report.ok, [check.problem for check in report.checks]


def test_transcripts_equal_those_of_the_cpu():
    found = voxport.load("commands", provider="cuda")
    assert found.provider == providers.CUDA
    assert texts(found) == texts(voxport.load("commands", provider="cpu"))


def test_expensive_operators_run_on_the_gpu():
    runtime = onnx.onnxruntime()
    runtime.preload_dlls(directory="")
    options = runtime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    model = (find_package("commands") / "model.onnx").read_bytes()
    chosen = provider_options(providers.CUDA, Settings())
    session = runtime.InferenceSession(
        without_output(model, "transcript"), options, providers=chosen
    )
    places = {
        (node.op_type, part.ep_name)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    }
    assert not [place for place in places if place[0] in COMPUTED and place[1] != providers.CUDA]
    assert not [place for place in places if "String" in place[0]]


def test_a_new_length_does_not_stall():
    """The first run of a length may cost twice the next, and what a clock is off by."""
    recognizer = voxport.load("commands", provider="cuda")
    recognizer.transcribe(noise(RATE))
    for samples in np.random.default_rng(0).integers(RATE, 20 * RATE, 24).tolist():
        times = [_seconds(recognizer, noise(samples)) for _ in range(4)]
        assert times[0] <= 2 * statistics.median(times[1:]) + 0.002, (samples / RATE, times)


def _seconds(recognizer, waveform: np.ndarray) -> float:
    start = time.perf_counter()
    recognizer.transcribe(waveform)
    return time.perf_counter() - start


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="no nvidia-smi to tell the memory")
def test_memory_is_flat_over_many_lengths():
    recognizer = voxport.load("commands", provider="cuda")
    lengths = np.random.default_rng(1).integers(RATE // 10, 20 * RATE, 500).tolist()
    used = []
    for part in (lengths[:100], lengths[100:]):
        for samples in part:
            recognizer.transcribe(noise(samples))
        used.append(_memory())
    assert used[1] <= 1.1 * used[0], used


def _memory() -> int:
    """Return the megabytes in use on the first GPU."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(command, capture_output=True, check=True).stdout.split()[0])


def test_many_threads_share_a_session():
    recognizer = voxport.load("commands", provider="cuda")
    expected = [recognizer.transcribe(sample).text for sample in SAMPLES]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(recognizer.transcribe, SAMPLES * 8))
    assert [transcript.text for transcript in found] == expected * 8


def test_half_precision_changes_no_transcript(tmp_path):
    package = pytest.importorskip("voxport_export.package.export")
    options = package.Options(
        formats=("onnx",), precisions=("fp32", "fp16"), audio=tuple(SAMPLES), force=True
    )
    package.export_package("commands", tmp_path / "commands", options)
    full, half = (
        voxport.load(tmp_path / "commands", provider="cuda", precision=precision)
        for precision in ("fp32", "fp16")
    )
    assert texts(half) == texts(full)


def test_tensorrt_keeps_its_engines(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if not doctor.provider_works("tensorrt"):
        pytest.skip("TensorRT does not run here: voxport doctor says why")
    recognizer = voxport.load("commands", provider="tensorrt")
    assert recognizer.provider == providers.TENSORRT
    assert texts(recognizer) == texts(voxport.load("commands", provider="cpu"))
    sha256 = recognizer.artifact.sha256
    assert list((tmp_path / "voxport" / "tensorrt" / sha256).glob("*.engine"))
