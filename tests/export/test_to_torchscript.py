"""TorchScript artifacts reloaded from disk: any batch, any length, any device, and text."""

import zipfile
from pathlib import Path

import pytest
import torch

from support.graphs import EDGES
from support.noise import make_model, make_row
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.quiet import quiet_torchscript
from voxport_export.to_torchscript import export_torchscript

PIECES = ["-", " ", *"ABCDEFGHI"]


@pytest.fixture(scope="module")
def graph():
    return RecognizerGraph.from_torchaudio(make_model(), blank=0, normalize_eps=1e-5)


@pytest.fixture(scope="module")
def path(graph, tmp_path_factory):
    path = tmp_path_factory.mktemp("torchscript") / "model.ts"
    export_torchscript(
        graph, (torch.randn(2, 9_000), torch.tensor([9_000, 700])), PIECES, 16_000, path
    )
    return path


def load(path, **options):
    with quiet_torchscript():
        return torch.jit.load(path, **options)


@torch.no_grad()
def test_the_reloaded_file_equals_the_graph(graph, path):
    loaded = load(path)
    waveform = torch.full((len(EDGES), max(EDGES)), float("nan"))
    for row, samples in enumerate(EDGES):
        waveform[row, :samples] = make_row(samples)
    *tensors, transcripts = loaded(waveform, torch.tensor(EDGES))
    for found, expected in zip(tensors, graph(waveform, torch.tensor(EDGES)), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    for row, count in enumerate(tensors[3].tolist()):
        assert transcripts[row] == "".join(PIECES[t] for t in tensors[2][row, :count])
    assert transcripts[:3] == ["", "", ""]


def test_the_file_holds_no_device(path):
    """Devices come from the input, and no tensor is a constant: those do not move to a device."""
    graph = str(load(path).inlined_graph)
    assert "prim::device" in graph
    for mark in ('="cpu"', '="cuda', "<Tensor>"):
        assert mark not in graph


def test_the_file_holds_no_source_path(path):
    assert str(Path(__file__).parents[2]).encode() not in path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if "debug" in name]
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert str(Path(__file__).parents[2]).encode() not in content


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
@torch.no_grad()
def test_cuda_equals_the_graph(graph, path):
    loaded = load(path, map_location="cuda")
    waveform = make_row(16_000)[None].repeat(3, 1)
    lengths = torch.tensor([16_000, 900, 0])
    found = loaded(waveform.cuda(), lengths.cuda())
    expected = graph(waveform, lengths)
    torch.testing.assert_close(found[0].cpu(), expected.emission, atol=1e-3, rtol=0)
    assert found[2].cpu().equal(expected.tokens)
