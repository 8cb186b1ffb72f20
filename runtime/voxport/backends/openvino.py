"""The OpenVINO backend: ONNX artifacts; the only module that imports it, and only on request.

OpenVINO has no string operators, so the graph is cut before its transcript, and the text is joined
here from the tokens. It may keep float32 in bfloat16 if the processor has it; here it may not, so
the answer is the same as onnxruntime's. Knows nothing of packages or audio.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.backends import providers
from voxport.backends.contract import (
    FEATURE_LENGTHS,
    HEAD_OUTPUTS,
    INPUTS,
    OUTPUTS,
    TEXTS,
    TOKENS,
    TRANSCRIPT,
    FeatureOutput,
    GraphOutput,
    HeadOutput,
    ModelFile,
    feature_output,
    join_pieces,
)
from voxport.backends.failures import last_line, run_failure
from voxport.backends.openvino_rewrite import rewrite
from voxport.errors import InferenceError, ProviderUnavailableError
from voxport.optional_import import import_optional

# Kernels that OpenVINO keeps, each compiled for one shape. Its own 5 000 are half a megabyte for
# every new length of recording, up to gigabytes; without any, a new length takes half as long
# again. With these it takes as long as with its own, and memory is flat once a small model has
# grown by 0.6 GB, some of which is oneDNN's (ONEDNN_PRIMITIVE_CACHE_CAPACITY in the environment).
_CACHED_KERNELS = 256


class OpenVinoBackend:
    """An artifact compiled for the CPU. Several threads may call ``run`` at once.

    ``pieces``: each label's text in a transcript.
    """

    def __init__(
        self, file: Path | ModelFile, pieces: Sequence[str], threads: int | None = None
    ) -> None:
        file = file if isinstance(file, ModelFile) else ModelFile(file)
        openvino = _openvino()
        self._name = file.path.name
        self._pieces = tuple(pieces)
        self._local = threading.local()  # a request can run one batch at a time: one a thread
        self.provider = "OpenVINO CPU"
        self.runtime = f"openvino {str(openvino.__version__).partition('-')[0]}"
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "CPU_RUNTIME_CACHE_CAPACITY": _CACHED_KERNELS,
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            self._compiled = openvino.Core().compile_model(_read_graph(file), "CPU", options)
        except Exception as error:  # openvino's own derive from RuntimeError, or from nothing
            reason = f"{self.runtime} cannot load it: {last_line(error)}"
            raise InferenceError(reason, file.path) from error

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Compute all outputs and return the named ones."""
        values = self._infer(waveform, lengths)
        if TRANSCRIPT in outputs:
            values[TRANSCRIPT] = join_pieces(values[TOKENS], self._pieces)
        return GraphOutput(**{name: values[name] for name in outputs})

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        layers: Sequence[int],
    ) -> FeatureOutput:
        """Compute all layers and return the named ones."""
        values = self._infer(waveform, lengths)
        return FeatureOutput([values[feature_output(n)] for n in layers], values[FEATURE_LENGTHS])

    def answer(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        task: str,
    ) -> HeadOutput:
        """Compute the outputs of a task but its strings."""
        values = self._infer(waveform, lengths)
        return HeadOutput(**{n: values[n] for n in HEAD_OUTPUTS[task] if n not in TEXTS})

    def _infer(self, waveform: NDArray[np.float32], lengths: NDArray[np.int64]) -> dict[str, Any]:
        """Return every output of the graph but its text."""
        try:
            if not hasattr(self._local, "request"):
                self._local.request = self._compiled.create_infer_request()
            given = dict(zip(INPUTS, (waveform, lengths), strict=True))
            found = self._local.request.infer(given, share_inputs=True)
            return {key.get_any_name(): value for key, value in found.items()}
        except Exception as error:
            message = run_failure("openvino", waveform.shape, f": {last_line(error)}", error)
            raise InferenceError(message, self._name) from error


def check_openvino() -> None:
    """Raise an error with a remedy if OpenVINO cannot run."""
    if "CPU" not in _openvino().Core().available_devices:
        raise ProviderUnavailableError("openvino finds no CPU that it supports")


def _openvino() -> Any:
    hint = providers.install_hint(providers.OPENVINO)
    return import_optional("openvino", "the provider openvino needs OpenVINO", hint)


def _read_graph(file: ModelFile) -> Any:
    """Read the graph without its strings and the strings' own operators."""
    frontend: Any = import_optional(
        "openvino.frontend", "the provider openvino needs OpenVINO", "pip install openvino"
    )
    reader = frontend.FrontEndManager().load_by_framework("onnx")
    graph = reader.load(str(file.source))
    kept = [place for place in graph.get_outputs() if not {*TEXTS} & {*place.get_names()}]
    graph.override_all_outputs(kept)
    model = reader.convert(graph)
    rewrite(model, _openvino())
    return model
