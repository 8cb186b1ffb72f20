"""Paired convolutions on even and odd frames, alone and in a graph."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from support.noise import LAYERS, make_model, make_row
from voxport.backends.onnx import OnnxBackend
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.precisions import fp32_paired_convolutions
from voxport_export.precisions.fp32 import to_fp32
from voxport_export.precisions.fp32_paired_convolutions import PairedConv, PairedExtractor
from voxport_export.to_onnx.export import export_onnx


def make_extractor(bias=False, mode="group_norm", layers=LAYERS):
    graph = RecognizerGraph.from_torchaudio(make_model(mode, bias=bias, layers=layers), blank=0)
    return graph.backbone.extractor


@pytest.mark.parametrize("bias", [False, True])
@torch.no_grad()
def test_a_paired_layer_equals_its_convolution(bias):
    conv = make_extractor(bias).blocks[0].conv
    x = torch.randn(2, 24, 1, 2 * 31)
    whole = F.conv2d(x, conv.weight, conv.bias, stride=(1, 2))  # 30 frames
    even, odd = PairedConv(conv)(x[..., ::2], x[..., 1::2])
    assert even.shape == odd.shape == (2, 24, 1, 15)
    torch.testing.assert_close(even, whole[..., ::2], rtol=0, atol=1e-5)
    torch.testing.assert_close(odd, whole[..., 1::2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 51, 52, 53, 200])
@pytest.mark.parametrize("bias", [False, True])
@torch.no_grad()
def test_a_paired_extractor_equals_the_plain_one(bias, frames):
    plain = make_extractor(bias)
    samples = plain.receptive_field + plain.stride * (frames - 1) + 7
    waveform = torch.stack([make_row(samples, seed=1), make_row(samples, seed=2)])
    valid = torch.arange(samples) < torch.tensor([[samples], [samples * 2 // 3]])
    waveform = waveform.where(valid, torch.zeros(()))
    features = PairedExtractor(plain)(waveform, valid)
    assert features.shape == (2, frames, 24)
    torch.testing.assert_close(features, plain(waveform, valid), rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("options", "is_supported"),
    [
        ({}, True),
        ({"bias": True}, True),
        ({"mode": "layer_norm"}, False),
        ({"layers": [(24, 10, 5), *[(24, 3, 2)] * 4]}, False),
        ({"layers": [(24, 10, 5), (24, 3, 2), (24, 3, 1), (24, 2, 2)]}, False),
        ({"layers": [(24, 10, 5), (24, 2, 2), (24, 2, 2)]}, False),
    ],
)
def test_only_wide_layers_of_kernel_3_without_norm_are_supported(
    options, is_supported, monkeypatch
):
    assert not PairedExtractor.supports(make_extractor(**options))  # too narrow
    monkeypatch.setattr(fp32_paired_convolutions, "MIN_CHANNELS", 24)
    assert PairedExtractor.supports(make_extractor(**options)) == is_supported


def test_to_fp32_does_not_change_its_argument(monkeypatch):
    monkeypatch.setattr(fp32_paired_convolutions, "MIN_CHANNELS", 24)
    graph = RecognizerGraph.from_torchaudio(make_model(), blank=0)
    before = {name: type(module) for name, module in graph.named_modules()}
    fast = to_fp32(graph)
    assert {name: type(module) for name, module in graph.named_modules()} == before
    assert fast.head.weight is graph.head.weight
    assert isinstance(fast.backbone.extractor, PairedExtractor)


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    """An exported model with paired convolutions and spectra."""
    path = tmp_path_factory.mktemp("paired") / "model.onnx"
    graph = RecognizerGraph.from_torchaudio(make_model(), blank=0)
    example = torch.randn(2, 16_000), torch.tensor([16_000, 8_000])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fp32_paired_convolutions, "MIN_CHANNELS", 24)
        export_onnx(to_fp32(graph), example, list("-|ETAOINSHR"), 16_000, path)
    return OnnxBackend(path, "cpu")


@pytest.mark.parametrize("samples", [400, 719, 720, 17_000, 17_040, 33_700, 160_000])
@torch.no_grad()
def test_the_file_equals_torchaudio(backend, samples):
    rows = [make_row(samples, seed=samples), make_row(samples * 2 // 3, seed=1)]
    waveform = torch.full((2, samples), float("nan"))
    for row, one in zip(waveform, rows, strict=True):
        row[: len(one)] = one
    found = backend.run(waveform.numpy(), np.array([len(one) for one in rows]))
    for row, one in enumerate(rows):
        if len(one) < 400:
            assert found.emission_lengths[row] == 0
            continue
        expected = make_model()(one[None])[0][0].numpy()
        frames = found.emission_lengths[row]
        assert frames == len(expected)
        bound = 1e-4 * max(1.0, float(np.abs(expected).max()))
        assert np.abs(found.emission[row, :frames] - expected).max() <= bound
