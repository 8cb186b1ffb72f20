"""The peers: other ways to run the model, and how each is prepared and opened.

A peer is two functions by name: ``prepare`` writes its files (an export, a quantization), once and
in a process of its own; ``open`` does the work of a production process: it loads the model and
returns a function from waveforms to texts. Both get the same arguments. Nothing heavy is imported
here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voxport.benchmark.process import Candidate
from voxport.package.read_manifest import read_manifest


@dataclass(frozen=True)
class Peer:
    """One way to run the model."""

    name: str
    title: str  # for people
    open: str  # "module:function", in benchmarks.peers
    prepare: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    python: str = sys.executable
    is_own: bool = False

    def candidate(self, workspace: Path, threads: int, function: str | None = None) -> Candidate:
        """Return a process that runs ``open``, or ``function`` instead."""
        given = {} if self.is_own else {"workspace": str(workspace)}
        return Candidate(
            name=self.name,
            factory=f"benchmarks.peers.{function or self.open}",
            arguments={**given, **self.arguments, "threads": threads},
            python=self.python,
            environment={"OMP_NUM_THREADS": str(threads), "TORCH_HOME": str(workspace / "torch")},
        )


TORCHAUDIO = "torchaudio"  # eager float32, the reference of all ratios

OTHERS = (
    Peer(TORCHAUDIO, "torchaudio, eager float32", "torchaudio:eager"),
    Peer(
        "torchaudio-bf16",
        "torchaudio, eager bfloat16",
        "torchaudio:eager",
        arguments={"precision": "bfloat16"},
    ),
    Peer("torch-compile", "torch.compile", "torchaudio:compiled"),
    Peer("torchscript", "TorchScript", "torchaudio:scripted", "torchaudio:script"),
    Peer("torch-int8", "torch dynamic int8", "torchaudio:dynamic_int8"),
    Peer(
        "plain-onnx",
        "plain torch.onnx.export, onnxruntime",
        "onnxruntime:plain",
        "onnxruntime:export",
    ),
    Peer("huggingface", "Hugging Face, eager float32", "huggingface:eager", "huggingface:save"),
    Peer("optimum-onnx", "Hugging Face, optimum-onnx", "huggingface:optimum", "huggingface:export"),
    Peer("openvino", "OpenVINO float32", "openvino:compiled", "openvino:convert"),
    Peer(
        "openvino-bf16",
        "OpenVINO bfloat16",
        "openvino:compiled",
        "openvino:convert",
        {"precision": "bf16"},
    ),
    Peer(
        "openvino-int8",
        "OpenVINO, NNCF static int8",
        "openvino:compiled",
        "openvino:quantize",
        {"model": "openvino-int8.xml"},
    ),
)


def package_peers(package: Path, providers: tuple[str, ...]) -> list[Peer]:
    """Return a peer for every artifact of a package on every provider, as ``voxport benchmark``."""
    return [
        Peer(
            name=f"voxport {artifact.path} {provider}",
            title=f"voxport {artifact.path}" + ("" if provider == "cpu" else f", {provider}"),
            open="voxport:opened",
            arguments={"folder": str(package), "artifact": artifact.path, "provider": provider},
            is_own=True,
        )
        for artifact in read_manifest(package).artifacts
        for provider in providers
        if provider == "cpu" or artifact.kind == "onnx"
    ]
