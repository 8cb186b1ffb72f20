"""The device of a run, and its models and workload sizes: a GPU, or its stand-in on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SHIPPED = "commands"  # the trained model; the two others have seeded weights
BASE = "WAV2VEC2_ASR_BASE_960H"
LARGE = "WAV2VEC2_ASR_LARGE_960H"
SEEDED = (BASE, LARGE)
_LONGEST_S, _SHORTEST_S = 30.0, 1.0
_MEDIAN_S = 7.0  # of read speech: LibriSpeech's test sets are about as long


@dataclass(frozen=True)
class Target:
    """A device, the models to measure on it, and the sizes of their workloads."""

    device: str  # torch's name, "cuda" or "cpu"
    provider: str  # voxport's name
    models: tuple[str, ...]  # names or folders; the first is profiled
    alone_seconds: tuple[float, ...]  # lengths of single clips
    batches: tuple[int, ...]  # clips of ``batch_seconds`` in a batch
    batch_seconds: float
    mixed_clips: int  # of several lengths
    mixed_batch: int  # clips in a batch of them
    new_lengths: int  # lengths for the first call at each
    passes: int  # of each workload
    product: int  # rows, columns and depth of the product that shows the peak
    peaks: tuple[str, ...]  # precisions of the product
    profiled: tuple[str, ...]  # engines
    profiled_batches: tuple[int, ...]  # clips of ``batch_seconds``
    engines: tuple[str, ...] | None = None  # None: all

    @property
    def is_gpu(self) -> bool:
        """True for a GPU."""
        return self.device == "cuda"

    def mixed_seconds(self) -> list[float]:
        """Return lengths of clips as read speech has them, in no order, the same at every call."""
        drawn = _MEDIAN_S * np.random.default_rng(0).lognormal(0, 0.6, self.mixed_clips)
        return np.clip(drawn, _SHORTEST_S, _LONGEST_S).round(2).tolist()


GPU = Target(
    device="cuda",
    provider="cuda",
    models=(BASE, LARGE),
    alone_seconds=(1, 3, 10, 30),
    batches=(8, 32, 64),
    batch_seconds=10,
    mixed_clips=512,
    mixed_batch=64,
    new_lengths=24,
    passes=5,
    product=8192,
    peaks=("float32", "tf32", "float16", "bfloat16"),
    profiled=(
        "torchaudio fp16",
        "voxport model.ts",
        "voxport model.onnx",
        "voxport model.fp16.onnx",
        "graph fp16 in PyTorch",
    ),
    profiled_batches=(1, 64),
)
DRY = Target(
    device="cpu",
    provider="cpu",
    models=(SHIPPED,),
    alone_seconds=(1,),
    batches=(2,),
    batch_seconds=1,
    mixed_clips=4,
    mixed_batch=2,
    new_lengths=2,
    passes=1,
    product=256,
    peaks=("float32",),
    profiled=("voxport model.onnx",),
    profiled_batches=(1,),
    engines=("torchaudio fp32", "voxport model.ts", "voxport model.onnx"),
)


def target_of(is_dry: bool) -> Target:
    """Return the GPU, or its stand-in."""
    return DRY if is_dry else GPU


def package_folder(space: Path, model: str) -> Path:
    """Return the folder of a model's package."""
    return space / "packages" / Path(model).name


def plain_file(space: Path, model: str) -> Path:
    """Return the file of a model's plain export."""
    return space / "plain" / model / "model.onnx"
