"""Engines that recognize speech on a device: PyTorch, onnxruntime, and voxport's artifacts.

Each is opened once and maps the waveforms of a batch to their texts, copies to the device and back
included. Those of PyTorch choose the likeliest label on the device and copy the path alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.target import SEEDED, Target, package_folder, plain_file

Recognize = Callable[[Sequence[NDArray[np.float32]]], list[str]]
_STEP = 8000  # samples; CUDA graphs are recorded for multiples of it


@dataclass(frozen=True)
class Engine:
    """A way to run a model on a device."""

    open: Callable[[Path, str, str], Recognize]  # space, model, device
    is_own: bool = False
    seeded_only: bool = False  # needs the base or the large model
    needs_gpu: bool = False
    is_trial: bool = False  # no artifact of voxport's yet: what one could gain


def load_source(model: str) -> Any:
    """Load a model with its labels, blank and delimiter."""
    from voxport_export.sources.resolve import resolve

    return resolve(model)


def eager_model(source: Any) -> Any:
    """Return torchaudio's eager model, without the normalisation that may stand before it."""
    return getattr(source.reference, "model", source.reference)


def _torchaudio(precision: str, compiled: bool = False, scripted: bool = False) -> Any:
    def open_engine(space: Path, model: str, device: str) -> Recognize:  # noqa: ARG001
        import torch

        source = load_source(model)
        network = eager_model(source).eval().to(device, getattr(torch, precision))
        if scripted:
            network = torch.jit.freeze(torch.jit.script(network))
        if compiled:
            network = torch.compile(network, dynamic=True)
        return _recognize_by_torch(lambda *batch: network(*batch)[0], source, device, precision)

    return open_engine


def _huggingface(precision: str) -> Any:
    def open_engine(space: Path, model: str, device: str) -> Recognize:  # noqa: ARG001
        import torch
        from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

        source = load_source(model)
        torch.manual_seed(0)
        layers = eager_model(source).encoder.transformer.layers
        shape = Wav2Vec2Config(
            vocab_size=len(source.labels),
            hidden_size=layers[0].attention.embed_dim,
            num_hidden_layers=len(layers),
            num_attention_heads=layers[0].attention.num_heads,
            intermediate_size=layers[0].feed_forward.intermediate_dense.out_features,
        )
        network = Wav2Vec2ForCTC(shape).eval().to(device, getattr(torch, precision))

        def emit(waveform: Any, lengths: Any = None) -> Any:
            mask = None
            if lengths is not None:
                mask = torch.arange(waveform.shape[1], device=device) < lengths.unsqueeze(1)
            return network(waveform, attention_mask=mask).logits

        return _recognize_by_torch(emit, source, device, precision)

    return open_engine


def _graph(precision: str, compiled: bool = False) -> Any:
    def open_engine(space: Path, model: str, device: str) -> Recognize:  # noqa: ARG001
        """Open voxport's own graph in PyTorch: an fp16 TorchScript would run like this."""
        import torch

        from voxport_export.package.artifact import build_graph
        from voxport_export.precisions.fp16 import to_fp16

        source = load_source(model)
        graph = build_graph(source, features=False)
        if precision == "float16":
            graph = to_fp16(graph, [])
        network: Any = graph.to(device)
        if compiled:
            network = torch.compile(network, dynamic=True)
        pieces = [*source.pieces, ""]

        @torch.inference_mode()
        def recognize(waveforms: Sequence[NDArray[np.float32]]) -> list[str]:
            waveform, lengths = pad(waveforms)
            found = network(
                torch.from_numpy(waveform).to(device), torch.from_numpy(lengths).to(device)
            )
            return ["".join(pieces[token] for token in row) for row in found.tokens.tolist()]

        return recognize

    return open_engine


def _recorded(precision: str) -> Any:
    def open_engine(space: Path, model: str, device: str) -> Recognize:  # noqa: ARG001
        """Open torchaudio's model in CUDA graphs, one for each batch size and rounded length."""
        import torch

        source = load_source(model)
        network = eager_model(source).eval().to(device, getattr(torch, precision))
        recorded: dict[tuple[int, ...], tuple[Any, Any, Any]] = {}

        def record(shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
            given = torch.zeros(shape, device=device, dtype=getattr(torch, precision))
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                for _ in range(3):
                    network(given)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                found = network(given)[0].argmax(dim=-1)
            return graph, given, found

        def emit(waveform: Any, lengths: Any = None) -> Any:  # noqa: ARG001
            samples = -(-waveform.shape[1] // _STEP) * _STEP
            shape = (waveform.shape[0], samples)
            if shape not in recorded:
                recorded[shape] = record(shape)
            graph, given, found = recorded[shape]
            given.zero_()
            given[:, : waveform.shape[1]] = waveform
            graph.replay()
            return found

        return _recognize_by_torch(emit, source, device, precision, is_path=True)

    return open_engine


def _plain_onnx(space: Path, model: str, device: str) -> Recognize:
    import onnxruntime

    if device == "cuda":
        onnxruntime.preload_dlls(directory="")
    provider = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}[device]
    session = onnxruntime.InferenceSession(plain_file(space, model), providers=[provider])
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"onnxruntime runs it on {session.get_providers()[0]}, not {provider}")
    source = load_source(model)

    def recognize(waveforms: Sequence[NDArray[np.float32]]) -> list[str]:
        emission = session.run(None, {"waveform": pad(waveforms)[0]})[0]
        return [_join(path, source) for path in emission.argmax(axis=-1)]

    return recognize


def _artifact(name: str) -> Any:
    def open_engine(space: Path, model: str, device: str) -> Recognize:
        from voxport.benchmark.package import Opened

        return Opened(str(package_folder(space, model)), name, device, None)

    return open_engine


def _recognize_by_torch(
    emit: Callable[..., Any], source: Any, device: str, precision: str, is_path: bool = False
) -> Recognize:
    """Return a recognizer over ``emit(waveform[, lengths])``: an emission, or with ``is_path`` the
    likeliest label of each frame.
    """
    import torch

    kind = getattr(torch, precision)

    @torch.inference_mode()
    def recognize(waveforms: Sequence[NDArray[np.float32]]) -> list[str]:
        waveform, lengths = pad(waveforms)
        batch = [torch.from_numpy(waveform).to(device).to(kind)]
        if lengths.min() != lengths.max():
            batch.append(torch.from_numpy(lengths).to(device))
        found = emit(*batch)
        paths = found if is_path else found.argmax(dim=-1)
        return [_join(path, source) for path in paths.cpu().numpy()]

    return recognize


def _join(path: NDArray[np.int64], source: Any) -> str:
    """Collapse a path greedily and join its labels."""
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    return "".join(source.pieces[label] for label in path[starts] if label != source.blank)


def pad(
    waveforms: Sequence[NDArray[np.float32]], padding: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return a batch of waveforms (B, S) and their lengths (B,)."""
    lengths = np.array([len(waveform) for waveform in waveforms], np.int64)
    batch = np.full((len(waveforms), lengths.max()), padding, np.float32)
    for row, waveform in zip(batch, waveforms, strict=True):
        row[: len(waveform)] = waveform
    return batch, lengths


ENGINES = {
    "torchaudio fp32": Engine(_torchaudio("float32")),
    "torchaudio fp16": Engine(_torchaudio("float16")),
    "torchaudio bf16": Engine(_torchaudio("bfloat16")),
    "torchaudio fp16, torch.compile": Engine(_torchaudio("float16", compiled=True)),
    "torchaudio fp16, TorchScript": Engine(_torchaudio("float16", scripted=True)),
    "transformers fp16": Engine(_huggingface("float16"), seeded_only=True),
    "plain export, onnxruntime": Engine(_plain_onnx, seeded_only=True),
    "voxport model.ts": Engine(_artifact("model.ts"), is_own=True),
    "voxport model.onnx": Engine(_artifact("model.onnx"), is_own=True),
    "voxport model.fp16.onnx": Engine(_artifact("model.fp16.onnx"), is_own=True),
    "graph fp32 in PyTorch": Engine(_graph("float32"), is_trial=True),
    "graph fp16 in PyTorch": Engine(_graph("float16"), is_trial=True),
    "graph fp16, torch.compile": Engine(_graph("float16", compiled=True), is_trial=True),
    "torchaudio fp16, CUDA graphs": Engine(_recorded("float16"), needs_gpu=True, is_trial=True),
}
REFERENCE = "torchaudio fp32"
ALONE_REFERENCE = "torchaudio fp16"  # the aim of single clips is twice its speed


def fitting_engines(target: Target, model: str) -> list[str]:
    """List the engines that can run a model on a target."""
    return [
        name
        for name, engine in ENGINES.items()
        if name in (target.engines or ENGINES)
        and (target.is_gpu or not engine.needs_gpu)
        and (model in SEEDED or not engine.seeded_only)
    ]
