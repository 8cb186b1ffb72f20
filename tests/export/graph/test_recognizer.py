"""The graph against eager torchaudio, and the independence of rows from padding and neighbours."""

import numpy as np
import onnxruntime
import pytest
import torch

from support.graphs import EDGES, FAMILIES
from support.noise import LAYERS, make_model, make_row
from voxport_export.graph.feature_extractor import stride_and_receptive_field
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.package.artifact import example_input
from voxport_export.precisions.fp32 import to_fp32
from voxport_export.to_onnx.export import export_onnx


@pytest.mark.parametrize(
    "form", [lambda graph: graph, to_fp32], ids=["plain graph", "fp32 for ONNX"]
)
@pytest.mark.parametrize("normalize_eps", [None, 1e-5], ids=["plain", "normalised"])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@torch.no_grad()
def test_the_graph_equals_torchaudio(family, normalize_eps, form):
    model = make_model(**family)
    graph = form(RecognizerGraph.from_torchaudio(model, blank=0, normalize_eps=normalize_eps))
    for samples in (graph.backbone.receptive_field, 5_000, 16_001):
        waveform = make_row(samples)[None]
        output = graph(waveform, torch.tensor([samples]))
        if normalize_eps:
            waveform = torch.nn.functional.layer_norm(waveform, waveform.shape, eps=normalize_eps)
        emission, lengths = model(waveform, torch.tensor([samples]))
        assert output.emission.shape == emission.shape
        assert output.emission_lengths.tolist() == lengths.tolist()
        bound = 1e-4 * max(1.0, float(emission.abs().max()))
        assert float((output.emission - emission).abs().max()) <= bound


@pytest.mark.parametrize("padding", [float("nan"), float("inf"), 3.0])
@torch.no_grad()
def test_a_row_is_independent_of_padding_and_neighbours(padding):
    graph = RecognizerGraph.from_torchaudio(make_model(), blank=0, normalize_eps=1e-5)
    waveform = torch.full((len(EDGES), max(EDGES)), padding)
    for row, samples in enumerate(EDGES):
        waveform[row, :samples] = make_row(samples, seed=row)
    together = graph(waveform, torch.tensor(EDGES))
    for row, samples in enumerate(EDGES):
        alone = graph(waveform[row : row + 1, :samples], torch.tensor([samples]))
        frames = int(alone.emission_lengths)
        assert frames == int(together.emission_lengths[row]) == alone.emission.shape[1]
        assert torch.allclose(alone.emission[0], together.emission[row, :frames], atol=1e-4)
        assert not together.emission[row, frames:].any()
        count = int(alone.token_lengths)
        assert count == int(together.token_lengths[row])
        for name in ("tokens", "token_starts", "token_ends"):
            one, many = getattr(alone, name)[0], getattr(together, name)[row]
            assert one.tolist() == many[:count].tolist()


@pytest.mark.parametrize("samples", [0, 399, 500, 719, 3_000])
@torch.no_grad()
def test_a_length_beyond_the_samples_means_all_samples(samples):
    graph = RecognizerGraph.from_torchaudio(make_model(), blank=0)
    waveform = make_row(samples)[None]
    whole = graph(waveform, torch.tensor([samples]))
    beyond = graph(waveform, torch.tensor([9_999]))
    for one, other in zip(whole, beyond, strict=True):
        assert torch.equal(one, other)


@torch.no_grad()
def test_high_pass_channels_keep_their_precision_on_low_frequencies():
    """In the folded first layer a channel's variance is a small difference of large numbers."""
    model = make_model()
    kernel = model.feature_extractor.conv_layers[0].conv.weight
    kernel[:] = torch.randn_like(kernel).diff(n=3, dim=-1, prepend=torch.zeros(24, 1, 3))
    graph = RecognizerGraph.from_torchaudio(model, blank=0)
    time = torch.arange(20_000) / 16_000
    waveform = (torch.sin(2 * torch.pi * 60 * time) + 1e-4 * make_row(20_000))[None]
    expected = model(waveform)[0]
    found = graph(waveform, torch.tensor([20_000])).emission
    assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))


@torch.no_grad()
def test_the_file_normalises_a_minute_with_an_offset(tmp_path):
    """Float32 sums in onnxruntime would be off by more than the bound."""
    model = make_model(mode="layer_norm", first=True, bias=True)
    graph = RecognizerGraph.from_torchaudio(model, blank=0, normalize_eps=1e-5)
    waveform = (0.1 * torch.randn(960_000, generator=torch.Generator().manual_seed(1)) + 0.03)[None]
    normal = torch.nn.functional.layer_norm(waveform, waveform.shape)
    expected = model(normal)[0]
    export_onnx(
        graph,
        (waveform[:, :16_000].repeat(2, 1), torch.tensor([16_000, 900])),
        list("-|ABCDEFGHI"),
        16_000,
        tmp_path / "m.onnx",
    )
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    found = session.run(
        ["emission"], {"waveform": waveform.numpy(), "lengths": np.array([960_000])}
    )
    bound = 1e-4 * max(1.0, float(expected.abs().max()))
    assert float(np.abs(found[0] - expected.numpy()).max()) <= bound


@torch.no_grad()
def test_the_file_takes_any_length_with_a_kernel_of_64(tmp_path):
    """A trace with one segment of such a kernel fixed the file to one segment."""
    model = make_model(kernel=64)
    graph = to_fp32(RecognizerGraph.from_torchaudio(model, blank=0))
    path = tmp_path / "m.onnx"
    export_onnx(graph, example_input(graph), list("-|ABCDEFGHI"), 16_000, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for frames in (1, 49, 64, 65, 129, 499):
        waveform = make_row(400 + 320 * (frames - 1), frames)[None]
        given = {"waveform": waveform.numpy(), "lengths": np.array([waveform.shape[1]])}
        (found,) = session.run(["emission"], given)
        expected = model(waveform)[0].numpy()
        assert np.abs(found - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())


def test_building_a_graph_does_not_change_the_weights():
    model = make_model(mode="layer_norm", first=True, bias=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    RecognizerGraph.from_torchaudio(model, blank=0)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_stride_and_receptive_field_of_the_standard_layers():
    assert stride_and_receptive_field([(k, s) for _, k, s in LAYERS]) == (320, 400)


def test_a_model_without_a_head_is_refused():
    model = make_model()
    model.aux = None
    with pytest.raises(ValueError, match="no CTC head"):
        RecognizerGraph.from_torchaudio(model, blank=0)
