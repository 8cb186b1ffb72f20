"""What onnxruntime is told, and that its arena does what the choice for it was made for."""

import subprocess
import sys
from pathlib import Path

import pytest

from support import data
from voxport.backends.onnx_provider_options import Settings, told
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


def test_cuda():
    options = dict(told(CUDA, Settings(threads=2)))
    assert list(options) == [CUDA, CPU]
    assert options[CUDA] == {
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kNextPowerOfTwo",
        "use_tf32": "0",
    }
    assert options[CPU] == {}


@pytest.mark.parametrize(("half", "flag"), [(True, "True"), (False, "False")])
def test_tensorrt(half, flag):
    options = dict(told(TENSORRT, Settings(half=half, engines=Path("cache") / "abc")))
    assert list(options) == [TENSORRT, CUDA, CPU]
    assert options[CUDA] == dict(told(CUDA, Settings()))[CUDA]  # it takes what TensorRT leaves
    folder = str(Path("cache") / "abc")
    assert options[TENSORRT] == {
        "trt_fp16_enable": flag,
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": folder,
    }
    assert told(TENSORRT, Settings(half=half))[0] == (TENSORRT, {"trt_fp16_enable": flag})


def test_an_arena_that_doubles_holds_less_than_one_that_takes_what_is_asked_for():
    doubling, exact = (_held(strategy) for strategy in (0, 1))
    assert 10_000_000 < doubling < exact / 2


def _held(strategy: int) -> int:
    """Bytes in the arena after all lengths."""
    command = [sys.executable, "-c", GROWTH, str(MODEL), str(strategy)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if "Total allocated bytes: " in line]
    return int(lines[-1].rpartition(" ")[2])
