"""Files that the other stages run: seeded weights, packages with every artifact, plain exports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gpu.engines import eager_model, load_source
from benchmarks.gpu.jobs import Row
from benchmarks.gpu.target import SEEDED, package_folder, plain_file


def write_weights(space: str, model: str) -> Iterator[Row]:
    """Write a bundle's seeded weights into the hub cache of the space."""
    import torchaudio

    from tests.support.seeded import put_weights

    put_weights(getattr(torchaudio.pipelines, model), Path(space) / "torch")
    yield {"weights": model}


def export(space: str, model: str, precisions: list[str]) -> Iterator[Row]:
    """Export a model's package: ONNX in these precisions, and TorchScript."""
    from voxport_export.package.export import Options, export_package

    folder = package_folder(Path(space), model)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was stopped
    # force: on seeded weights the loss of a low precision means nothing.
    options = Options(precisions=tuple(precisions), force=model in SEEDED)
    manifest = export_package(model, folder, options)
    yield {"artifacts": {one.path: one.bytes for one in manifest.artifacts}}


def export_plain(space: str, model: str) -> Iterator[Row]:
    """Export a model as PyTorch's documentation does, with dynamic axes."""
    import torch

    path = plain_file(Path(space), model)
    shutil.rmtree(path.parent, ignore_errors=True)  # of a run that was stopped
    path.parent.mkdir(parents=True)
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("samples")}
    torch.onnx.export(
        eager_model(load_source(model)),
        (torch.randn(2, 32_000),),
        path,
        dynamo=True,
        dynamic_shapes=(axes,),
        input_names=["waveform"],
        output_names=["emission"],
        external_data=True,
    )
    yield {"plain": path.stat().st_size}
