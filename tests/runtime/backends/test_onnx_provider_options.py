"""Provider options of onnxruntime, and the growth of its arena that one of them was chosen for."""

import subprocess
import sys

import pytest

from support import data
from voxport.backends.onnx_provider_options import Settings, provider_options
from voxport.backends.providers import CPU, CUDA, TENSORRT

# onnxruntime's arena is the same for every device: here it holds tensors on the CPU, for lengths
# each of which is longer than all before. Its log tells how much it holds.
GROWTH = """
import sys, numpy, onnxruntime as ort
ort.set_default_logger_severity(1)
config = ort.OrtArenaCfg({"max_mem": 0, "arena_extend_strategy": int(sys.argv[2])})
kind = (ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", *kind), config)
options = ort.SessionOptions()
options.intra_op_num_threads, options.enable_mem_pattern = 1, False
options.add_session_config_entry("session.use_env_allocators", "1")
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
for samples in range(4000, 64000, 1500):
    feed = {"waveform": numpy.zeros((1, samples), "float32"), "lengths": numpy.array([samples])}
    session.run(["emission"], feed)
"""
MODEL = data.ROOT / "runtime/voxport/packages/commands/model.onnx"


def test_cuda_options():
    options = dict(provider_options(CUDA, Settings(threads=2)))
    assert list(options) == [CUDA, CPU]
    assert options[CUDA] == {
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kNextPowerOfTwo",
        "use_tf32": "0",
    }
    assert options[CPU] == {}


@pytest.mark.parametrize(("half", "flag"), [(True, "True"), (False, "False")])
def test_tensorrt_options(half, flag, tmp_path):
    folder = tmp_path / "cache" / "abc"
    options = dict(provider_options(TENSORRT, Settings(half=half, engines=folder)))
    assert list(options) == [TENSORRT, CUDA, CPU]
    assert options[CUDA] == dict(provider_options(CUDA, Settings()))[CUDA]  # for TensorRT's gaps
    assert options[TENSORRT] == {
        "trt_fp16_enable": flag,
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(folder),
    }
    assert folder.is_dir()
    without_cache = provider_options(TENSORRT, Settings(half=half))
    assert without_cache[0] == (TENSORRT, {"trt_fp16_enable": flag})


def test_an_arena_that_doubles_holds_less_than_half_of_an_exact_one():
    doubling, exact = (_arena_bytes(strategy) for strategy in (0, 1))
    assert 10_000_000 < doubling < exact / 2


def _arena_bytes(strategy: int) -> int:
    """Return the size of the arena after all lengths."""
    command = [sys.executable, "-c", GROWTH, str(MODEL), str(strategy)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if "Total allocated bytes: " in line]
    return int(lines[-1].rpartition(" ")[2])
