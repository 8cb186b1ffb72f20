"""The client for Triton's layout, with a server that runs the graph as Triton's batcher would."""

import importlib.util
import sys
import types
from typing import ClassVar

import numpy as np
import pytest

import voxport
from support.data import ROOT

SAMPLES = ROOT / "models/commands/samples"
FILES = [str(SAMPLES / f"{name}.flac") for name in ("yes", "one-two-three", "stop")]


class Input:
    """A tensor of a request."""

    def __init__(self, name, shape, kind):
        self.name, self.shape, self.kind = name, list(shape), kind

    def set_data_from_numpy(self, values):
        assert list(values.shape) == self.shape
        assert values.dtype == {"FP32": np.float32, "INT64": np.int64}[self.kind]
        self.values = values
        return self


class Server:
    """Triton's client, with the package's own graph behind it."""

    shapes: ClassVar = []

    def __init__(self, url):
        self._backend = voxport.load("commands", "cpu", threads=1)._backend

    def infer(self, model, inputs, outputs):
        waveform, lengths = (one.values for one in inputs)
        self.shapes.append(waveform.shape)
        output = self._backend.run(waveform, lengths.reshape(-1), ["transcript"])
        texts = np.array([text.encode() for text in output.transcript], object)
        return types.SimpleNamespace(as_numpy=lambda name: {outputs[0].name: texts}[name])


@pytest.fixture
def client(monkeypatch):
    grpc = types.ModuleType("tritonclient.grpc")
    grpc.InferInput, grpc.InferenceServerClient = Input, Server
    grpc.InferRequestedOutput = lambda name: types.SimpleNamespace(name=name)
    monkeypatch.setitem(sys.modules, "tritonclient", types.ModuleType("tritonclient"))
    monkeypatch.setitem(sys.modules, "tritonclient.grpc", grpc)
    monkeypatch.setattr(sys.modules["tritonclient"], "grpc", grpc, raising=False)
    spec = importlib.util.spec_from_file_location("client", ROOT / "deploy/triton/client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_padded_requests_have_few_shapes_and_the_recognizers_texts(client, monkeypatch, capsys):
    monkeypatch.setattr(Server, "shapes", [])
    monkeypatch.setattr(sys, "argv", ["client.py", "commands", *FILES, "--concurrency", "2"])
    client.main()
    recognizer = voxport.load("commands", "cpu", threads=1)
    lines = [f"{path}: {recognizer.transcribe(path).text}" for path in FILES]
    assert capsys.readouterr().out.splitlines() == lines
    known = {int(seconds * 16_000) for seconds in client.LENGTHS_S}
    assert {shape[1] for shape in Server.shapes} <= known


def test_lengths_grow_by_a_half_at_most(client):
    pairs = zip(client.LENGTHS_S, client.LENGTHS_S[1:], strict=False)
    assert all(1 < after / before <= 1.5 for before, after in pairs)
    assert client.padded_samples(16_000) == 16_000
    assert client.padded_samples(16_001) == 24_000
    with pytest.raises(ValueError, match="at most 40 s"):
        client.padded_samples(41 * 16_000)


def test_a_recording_of_another_rate_is_refused(client, tmp_path):
    import soundfile

    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800, np.float32), 8_000)
    with pytest.raises(ValueError, match="expected mono of 16000 Hz"):
        client.read_waveform(str(path))
