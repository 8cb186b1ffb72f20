"""Triton Inference Server: a model repository, ``NAME/config.pbtxt`` and ``NAME/1/model.onnx``.

The graph is the package's own, linked: Triton takes its names, its string output and any shapes.
The dynamic batcher joins requests whose waveforms are of one length. So a client pads to one of a
few lengths, with any values, and gives the valid samples in ``lengths``: the graph ignores the
rest. Triton could join requests of all lengths by itself (``allow_ragged_batch``), but passes them
end to end, in one dimension, to a graph of another kind.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from voxport.package.manifest import FP32, ModelInfo, TensorSpec
from voxport_export.errors import ExportError
from voxport_export.layouts.protocol import ClientGraph, LayoutSource
from voxport_export.to_onnx.rewire import link_or_copy

_TYPES = {"float32": "TYPE_FP32", "int64": "TYPE_INT64", "string": "TYPE_STRING"}
_LONGEST_NAME = 100  # characters; a folder of the name is made
_MOST_RECORDINGS = 16  # in a batch; memory grows with it


def write_files(package: LayoutSource, folder: Path) -> list[ClientGraph]:
    """Write a model for each artifact; no graph is changed."""
    for artifact in package.artifacts:
        name = _model_name(package.manifest.model, artifact.precision)
        version = folder / name / "1"
        version.mkdir(parents=True)
        link_or_copy(package.folder / artifact.path, version / "model.onnx")
        for entry in artifact.external_data:
            shutil.copyfile(package.folder / entry.path, version / entry.path)  # see rewire
        config = _config(name, artifact.inputs, artifact.outputs)
        (folder / name / "config.pbtxt").write_text(config, encoding="utf-8", newline="\n")
    return []


def usage_section(package: LayoutSource) -> str:
    """Write the instructions for the server and a client."""
    model = package.manifest.model
    name = _model_name(model, package.artifacts[0].precision)
    wanted = "transcript" if model.transcribes else "features_1"
    return f"""
Serve the folder above this one with NVIDIA's Triton, from its container or its own build:

```
tritonserver --model-repository=..
```

Ask it, with a mono recording `speech.wav` of {model.sample_rate} Hz:

```
pip install "tritonclient[grpc]" soundfile
```

```python
import numpy as np
import soundfile
import tritonclient.grpc as triton

samples, second = soundfile.read("speech.wav", dtype="float32")  # second: samples in one
waveform = np.pad(samples, (0, -len(samples) % second))[None].astype(np.float32)
lengths = np.array([[len(samples)]], np.int64)
inputs = [
    triton.InferInput("waveform", waveform.shape, "FP32").set_data_from_numpy(waveform),
    triton.InferInput("lengths", lengths.shape, "INT64").set_data_from_numpy(lengths),
]
answer = triton.InferenceServerClient("localhost:8001").infer(
    "{name}", inputs, outputs=[triton.InferRequestedOutput("{wanted}")]
)
print(answer.as_numpy("{wanted}"))
```

Triton batches requests of different clients together if their waveforms have the same shape: pad
them to one of a few lengths, such as whole seconds, with anything. What lies past `lengths` is
ignored, so the padding changes no answer. Several recordings in one request are `waveform`
[batch, samples] and `lengths` [batch, 1].
"""


def card_paths(package: LayoutSource, folder: Path) -> list[Path]:
    """List a place beside each model: the card moves with it to another repository."""
    names = (_model_name(package.manifest.model, one.precision) for one in package.artifacts)
    return [folder / name / "README.md" for name in names]


def _model_name(model: ModelInfo, precision: str) -> str:
    """Return the name for clients' requests: letters, digits and -_. only, as in addresses.

    Raises:
        ExportError: the model's name makes no name of a folder.
    """
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", model.name).lstrip(".-")
    if not 0 < len(name) <= _LONGEST_NAME:
        raise ExportError(
            f"the model's name {model.name[:_LONGEST_NAME]!r} cannot be the name of a Triton "
            f"model: expected 1 to {_LONGEST_NAME} letters, digits and -_., not only dots"
        )
    return name if precision == FP32 else f"{name}-{precision}"


def _config(name: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> str:
    """Write the configuration: Triton's ``ModelConfig`` message in text format."""
    return f"""name: "{name}"
backend: "onnxruntime"
max_batch_size: {_MOST_RECORDINGS}
{_tensors("input", inputs)}
{_tensors("output", outputs)}
# Requests whose waveforms are of one length run together, if they come within 2 ms.
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
# A plan of memory for every new length would be kept for ever.
parameters {{ key: "enable_mem_pattern" value: {{ string_value: "0" }} }}
# On a GPU: no search for every new length, pieces of memory that the next length fits, float32 in
# full.
optimization {{
  execution_accelerators {{
    gpu_execution_accelerator {{
      name: "cuda"
      parameters {{ key: "cudnn_conv_algo_search" value: "HEURISTIC" }}
      parameters {{ key: "arena_extend_strategy" value: "kNextPowerOfTwo" }}
      parameters {{ key: "use_tf32" value: "0" }}
    }}
  }}
}}
"""


def _tensors(kind: str, specs: Sequence[TensorSpec]) -> str:
    return "\n".join(
        f'{kind} {{ name: "{spec.name}" data_type: {_TYPES[spec.type]} {_shape(spec)} }}'
        for spec in specs
    )


def _shape(spec: TensorSpec) -> str:
    """Write the dimensions after the batch; a request has at least one, the graph may have none."""
    sizes = [size if isinstance(size, int) else -1 for size in spec.shape[1:]]
    return f"dims: {sizes}" if sizes else "dims: [1] reshape { shape: [] }"
