"""Blocks of time in the file."""

import math

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from voxport.backends.open import open_artifact
from voxport.package.manifest import ONNX
from voxport.package.read_manifest import read_manifest
from voxport_export.graph import block_operators
from voxport_export.quiet import quiet_onnx_exporter

STRIDE, FIELD, OVERLAP = 4, 6, 3
LENGTHS = [FIELD, FIELD + 1, 204, 214, 215, 418, 1000]  # 1, 1, 50, 53, 53, 104 and 249 frames


class Cutter(nn.Module):
    def forward(self, waveform):
        frames = (waveform.shape[1] - FIELD) // STRIDE + 1
        blocks, rows = block_operators.cut_blocks(waveform, frames, STRIDE, OVERLAP)
        sums = F.pad(blocks, (0, 1)).unsqueeze(-1)
        return (
            blocks,
            rows,
            block_operators.join_blocks(sums, waveform.shape[0], waveform.shape[1] - FIELD + 1),
        )


@pytest.fixture(scope="module")
def cutter(tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "cut.onnx"
    shapes = {"waveform": {0: torch.export.Dim("batch"), 1: torch.export.Dim("samples")}}
    with quiet_onnx_exporter():
        torch.onnx.export(
            Cutter().eval(),
            (torch.randn(2, 2000),),
            path,
            dynamo=True,
            opset_version=20,
            dynamic_shapes=shapes,
            custom_translation_table=block_operators.TRANSLATION,
            verbose=False,
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # hides a warning about the length assumed by torch
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("batch", [1, 3])
def test_the_file_cuts_and_joins_like_the_torch_operators(cutter, batch, samples):
    waveform = torch.arange(batch * samples, dtype=torch.float32).reshape(batch, samples)
    frames = (samples - FIELD) // STRIDE + 1
    blocks, rows = block_operators.cut_blocks(waveform, frames, STRIDE, OVERLAP)
    count = math.ceil(frames / block_operators.MAX_BLOCK_FRAMES)
    assert blocks.shape == (batch * count, math.ceil(frames / count) * STRIDE + OVERLAP)
    assert rows.tolist() == [row for row in range(batch) for _ in range(count)]
    found = cutter.run(None, {"waveform": waveform.numpy()})
    np.testing.assert_array_equal(found[0], blocks.numpy())
    assert found[1].tolist() == rows.tolist()
    whole = F.pad(blocks, (0, 1)).unsqueeze(-1).reshape(batch, -1, 1)[:, : samples - FIELD + 1]
    np.testing.assert_array_equal(found[2], whole.numpy())


@pytest.mark.parametrize("frames", [1, 2, 51, 52, 53, 104, 105, 157])
def test_blocks_of_any_number_of_frames_equal_one_block(exported, frames):
    """The reference is TorchScript, without blocks."""
    manifest = read_manifest(exported)
    runs = {}
    for artifact in manifest.artifacts:
        backend = open_artifact(exported, artifact, provider="cpu", model=manifest.model)
        samples = (frames - 1) * manifest.model.frame_stride + manifest.model.receptive_field
        waveform = np.random.default_rng(frames).standard_normal((2, samples + 7), np.float32)
        runs[artifact.kind] = backend.run(waveform, np.array([samples + 7, samples // 2]))
    one, other = runs.pop(ONNX), runs.popitem()[1]
    assert one.emission_lengths.tolist() == other.emission_lengths.tolist()
    assert one.emission.shape == other.emission.shape == (2, frames, one.emission.shape[-1])
    scale = max(1.0, float(np.abs(other.emission).max()))
    assert float(np.abs(one.emission - other.emission).max()) <= 1e-4 * scale
