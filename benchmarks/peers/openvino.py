"""OpenVINO on the plain ONNX export: float32, bfloat16, and NNCF's static int8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import speech
from benchmarks.peers import onnxruntime
from benchmarks.peers.decoding import decode, stack

_FLOAT, _INT8 = "openvino.xml", "openvino-int8.xml"
_CALIBRATION_CLIPS = 32


def convert(workspace: str, threads: int, precision: str = "f32") -> None:  # noqa: ARG001
    """Write the model in OpenVINO's format, weights in float32."""
    path = Path(workspace) / _FLOAT
    if path.exists():
        return
    import openvino

    onnxruntime.export(workspace, threads)
    model = openvino.convert_model(Path(workspace) / onnxruntime.FILE)
    openvino.save_model(model, path, compress_to_fp16=False)


def quantize(workspace: str, threads: int, model: str = _INT8) -> None:
    """Quantize weights and activations, calibrated on speech (on noise without any)."""
    path = Path(workspace) / model
    if path.exists():
        return
    import nncf
    import openvino

    convert(workspace, threads)
    clips = [clip[None] for clip in speech.read_sentences(_CALIBRATION_CLIPS)]
    quantized = nncf.quantize(
        openvino.Core().read_model(Path(workspace) / _FLOAT),
        nncf.Dataset(clips),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(clips),
    )
    openvino.save_model(quantized, path)


def compiled(
    workspace: str, threads: int, precision: str = "f32", model: str = _FLOAT
) -> Callable[[Sequence[Any]], list[str]]:
    """Compile a file for this CPU."""
    import openvino

    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    network = openvino.Core().compile_model(Path(workspace) / model, "CPU", options)
    return lambda waveforms: decode(network(stack(waveforms))[0])
