"""The TensorRT execution provider of onnxruntime: its name, its needs, its options and its cache.

An engine takes minutes to build, at the first run and again for lengths outside of all before, so
engines are kept on disk. Imports no onnxruntime. No session of it has run here yet:
docs/guides/gpu.md gives the source of each fact.
"""

from pathlib import Path

from voxport.machine.cache_folder import cache_folder, ensure_folder

PROVIDER = "TensorrtExecutionProvider"
# onnxruntime 1.22 to 1.31 looks for the library libnvinfer.so.10; pip's newest is 11.
INSTALL = 'pip install "tensorrt<11", with its folder tensorrt_libs in LD_LIBRARY_PATH'


def engine_folder(sha256: str) -> Path:
    """Return the cache folder for the engines of one artifact.

    An engine's file name holds the graph and the versions but not the weights, so each
    artifact must have a folder of its own.
    """
    return cache_folder("tensorrt", sha256)


def provider_options(half: bool, engines: Path | None) -> dict[str, str]:
    """Return the options of a session; booleans are "True" and "False": onnxruntime refuses 1.

    ``half``: the weights are float16. ``engines``: the cache folder, made if it is not there.
    """
    options = {"trt_fp16_enable": str(half)}
    folder = None if engines is None else ensure_folder(engines)
    if folder is not None:
        options |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(folder),
        }
    return options
