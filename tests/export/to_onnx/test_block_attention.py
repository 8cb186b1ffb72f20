"""Attention in blocks of queries in the file."""

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from support.noise import make_model
from voxport.backends.contract import ATTENTION
from voxport.backends.onnx import OnnxBackend
from voxport.package.read_manifest import read_manifest
from voxport_export.graph.encoder import attend
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.quiet import quiet_onnx_exporter
from voxport_export.to_onnx import block_attention as block_attention_module
from voxport_export.to_onnx.block_attention import SHORT_FRAMES, block_attention
from voxport_export.to_onnx.export import export_onnx

HEADS, WIDTH = 3, 8


class Attention(nn.Module):
    def forward(self, q, k, v, bias):
        return attend(q, k, v, bias)


def write_models(path, has_score_bias=False):
    """Write attention as torch exports it and in blocks; return the names of its Ifs and a flag."""
    frames = torch.export.Dim("frames")
    axes = {0: torch.export.Dim("batch"), 2: frames}
    bias = torch.zeros(2, HEADS, 7, 7) if has_score_bias else torch.zeros(2, 1, 1, 7)
    bias_axes = {0: axes[0], 3: frames} | ({2: frames} if has_score_bias else {})
    with quiet_onnx_exporter():
        program = torch.onnx.export(
            Attention().eval(),
            (*(torch.randn(2, HEADS, 7, WIDTH) for _ in "qkv"), bias),
            dynamo=True,
            opset_version=20,
            dynamic_shapes={"q": axes, "k": axes, "v": axes, "bias": bias_axes},
            verbose=False,
        )
    ir.save(program.model, path / "whole.onnx")
    is_in_blocks = block_attention(program.model)
    ir.save(program.model, path / "blocks.onnx")
    return [node.name for node in program.model.graph if node.op_type == "If"], is_in_blocks


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    path = tmp_path_factory.mktemp("attention")
    assert write_models(path) == ([f"{ATTENTION}_0"], True)
    paths = [str(path / name) for name in ("whole.onnx", "blocks.onnx")]
    return [onnxruntime.InferenceSession(one, providers=["CPUExecutionProvider"]) for one in paths]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("frames", [1, 2, SHORT_FRAMES, SHORT_FRAMES + 1, 1535, 1536, 1537, 2999])
def test_blocks_equal_all_queries_at_once(sessions, batch, frames):
    rng = np.random.default_rng(frames)
    shape = (batch, HEADS, frames, WIDTH)
    feed = {name: rng.standard_normal(shape, np.float32) for name in "qkv"}
    feed["bias"] = np.zeros((batch, 1, 1, frames), np.float32)
    feed["bias"][-1, ..., frames // 3 + 1 :] = -1e9
    whole, blocks = (session.run(None, feed)[0] for session in sessions)
    assert blocks.shape == shape
    np.testing.assert_allclose(blocks, whole, rtol=0, atol=1e-6)


def test_attention_with_a_bias_of_its_scores_is_not_split(tmp_path):
    assert write_models(tmp_path, has_score_bias=True) == ([], False)


def test_the_manifest_records_blocks_of_attention(exported):
    recorded = {one.kind: one.attention_in_blocks for one in read_manifest(exported).artifacts}
    assert recorded == {"onnx": True, "torchscript": False}


@pytest.mark.parametrize("samples", [16_000, 40_000])
@torch.no_grad()
def test_a_model_in_blocks_equals_torchaudio(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(block_attention_module, "SHORT_FRAMES", 60)
    monkeypatch.setattr(block_attention_module, "_BLOCK_QUERIES", 50)
    model = make_model()
    example = torch.randn(2, 16_000), torch.tensor([16_000, 8_000])
    path = tmp_path / "model.onnx"
    export_onnx(
        RecognizerGraph.from_torchaudio(model, blank=0), example, list("-|ETAOINSHR"), 16_000, path
    )
    waveform = torch.randn(2, samples, generator=torch.Generator().manual_seed(samples)) * 0.1
    lengths = np.array([samples, samples // 2])
    found = OnnxBackend(path, "cpu").run(waveform.numpy(), lengths)
    for row, length in enumerate(lengths):
        expected = model(waveform[row : row + 1, :length])[0][0].numpy()
        frames = found.emission_lengths[row]
        bound = 1e-4 * max(1.0, float(np.abs(expected).max()))
        assert np.abs(found.emission[row, :frames] - expected).max() <= bound
