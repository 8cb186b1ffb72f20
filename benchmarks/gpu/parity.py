"""Parity on the device: every artifact against the eager model on the same device in float32.

Recordings are the package's golden clips and noise of odd lengths, each alone and in a batch padded
with NaN. A difference is the largest of an emission, as a share of the largest expected value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.engines import load_source, pad
from benchmarks.gpu.jobs import Row
from benchmarks.gpu.target import package_folder, target_of

_NOISE_SAMPLES = (400, 16_001, 50_123, 160_000, 400_400)
_LOUDNESS = 0.1
_CLIPS_IN_A_BATCH = 8


def compare(space: str, model: str, artifact: str, is_dry: bool) -> Iterator[Row]:
    """Compare an artifact with the eager model, alone and in NaN-padded batches."""
    from voxport.backends.open import open_artifact
    from voxport.package.read_manifest import read_manifest

    target = target_of(is_dry)
    folder = package_folder(Path(space), model)
    manifest = read_manifest(folder)
    chosen = next(one for one in manifest.artifacts if one.path == artifact)
    clips = _clips(folder, [one.path for one in manifest.golden])
    expected = list(_answers(model, target.device, clips))
    backend = open_artifact(folder, chosen, target.provider, None, manifest.model)
    for name, size in (("alone", 1), ("in NaN-padded batches", _CLIPS_IN_A_BATCH)):
        found = [
            answer
            for start in range(0, len(clips), size)
            for answer in _run(backend, clips[start : start + size])
        ]
        pairs = list(zip(expected, found, strict=True))
        yield {
            "case": name,
            "clips": len(clips),
            "runs_on": backend.provider,
            "difference": max(_difference(one[0], other[0]) for one, other in pairs),
            "equal_tokens": sum(one[1] == other[1] for one, other in pairs),
        }


def _clips(folder: Path, golden: Sequence[str]) -> list[NDArray[np.float32]]:
    import soundfile

    rng = np.random.default_rng(0)
    noise = [rng.standard_normal(n, np.float32) * _LOUDNESS for n in _NOISE_SAMPLES]
    return [soundfile.read(folder / name, dtype="float32")[0] for name in golden] + noise


def _answers(
    model: str, device: str, clips: Sequence[NDArray[np.float32]]
) -> Iterator[tuple[NDArray[np.float32], list[int]]]:
    """Yield emission (frames, labels) and greedy tokens of each clip, by the eager model alone."""
    import torch

    # A convolution's products are rounded to 10 bits by default: the reference is float32.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    source = load_source(model)
    reference = source.reference.to(device)
    for clip in clips:
        with torch.inference_mode():
            emission = reference(torch.from_numpy(clip).unsqueeze(0).to(device))[0][0].cpu()
        path = torch.unique_consecutive(emission.argmax(dim=-1)).tolist()
        yield emission.numpy(), [label for label in path if label != source.blank]


def _run(
    backend: Any, clips: Sequence[NDArray[np.float32]]
) -> Iterator[tuple[NDArray[np.float32], list[int]]]:
    output = backend.run(*pad(clips, padding=np.nan))
    for row in range(len(clips)):
        frames, count = int(output.emission_lengths[row]), int(output.token_lengths[row])
        yield output.emission[row, :frames], output.tokens[row, :count].tolist()


def _difference(expected: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    if expected.shape != found.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(expected - found).max() / max(np.abs(expected).max(), 1.0))
