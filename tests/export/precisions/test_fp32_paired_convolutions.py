"""Convolutions on even and odd frames apart, and the graph that has them."""

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


def extractor_of(bias=False, mode="group_norm", layers=LAYERS):
    graph = RecognizerGraph(make_model(mode, bias=bias, layers=layers), blank=0)
    return graph.backbone.extractor


@pytest.mark.parametrize("bias", [False, True])
@torch.no_grad()
def test_one_layer_equals_its_convolution(bias):
    conv = extractor_of(bias).blocks[0].conv
    x = torch.randn(2, 24, 1, 2 * 31)
    whole = F.conv2d(x, conv.weight, conv.bias, stride=(1, 2))  # 30 frames
    even, odd = PairedConv(conv)(x[..., ::2], x[..., 1::2])
    assert even.shape == odd.shape == (2, 24, 1, 15)
    torch.testing.assert_close(even, whole[..., ::2], rtol=0, atol=1e-5)
    torch.testing.assert_close(odd, whole[..., 1::2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 51, 52, 53, 200])
@pytest.mark.parametrize("bias", [False, True])
@torch.no_grad()
def test_all_layers_equal_the_plain_ones(bias, frames):
    plain = extractor_of(bias)
    samples = plain.receptive_field + plain.stride * (frames - 1) + 7
    waveform = torch.stack([make_row(samples, seed=1), make_row(samples, seed=2)])
    valid = torch.arange(samples) < torch.tensor([[samples], [samples * 2 // 3]])
    waveform = waveform.where(valid, torch.zeros(()))
    features = PairedExtractor(plain)(waveform, valid)
    assert features.shape == (2, frames, 24)
    torch.testing.assert_close(features, plain(waveform, valid), rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ({}, True),
        ({"bias": True}, True),
        ({"mode": "layer_norm"}, False),
        ({"layers": [(24, 10, 5), *[(24, 3, 2)] * 4]}, False),
        ({"layers": [(24, 10, 5), (24, 3, 2), (24, 3, 1), (24, 2, 2)]}, False),
        ({"layers": [(24, 10, 5), (24, 2, 2), (24, 2, 2)]}, False),
    ],
)
def test_only_what_it_can_do_is_taken(options, fits, monkeypatch):
    assert not PairedExtractor.supports(extractor_of(**options))  # too narrow
    monkeypatch.setattr(fp32_paired_convolutions, "MIN_CHANNELS", 24)
    assert PairedExtractor.supports(extractor_of(**options)) == fits


def test_the_graph_it_is_made_of_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(fp32_paired_convolutions, "MIN_CHANNELS", 24)
    graph = RecognizerGraph(make_model(), blank=0)
    before = {name: type(module) for name, module in graph.named_modules()}
    fast = to_fp32(graph)
    assert {name: type(module) for name, module in graph.named_modules()} == before
    assert fast.head.weight is graph.head.weight
    assert isinstance(fast.backbone.extractor, PairedExtractor)


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    """The file of a model that has paired convolutions and spectra."""
    path = tmp_path_factory.mktemp("paired") / "model.onnx"
    graph = RecognizerGraph(make_model(), blank=0)
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
