"""The READMEs of the layouts: their Python runs as printed, with the clients' classes stood in for.

The clients themselves run in the tests of ``test_layouts.py`` where they are installed. Here each
stand-in calls the folder's own graph, so that what a block prints is what the graph answers.
"""

import re
import sys
import types
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile

import voxport
from support import data
from voxport.package import find
from voxport_export.layouts import NAMES
from voxport_export.layouts.export import export_layout
from voxport_export.package.export import Options

COMMANDS = find.SHIPPED / "commands"
SPEECH = data.SAMPLES / "one-two-three.flac"  # 16 kHz, as the model
INSTALLS = {
    "sherpa-onnx": "pip install sherpa-onnx soundfile",
    "huggingface": 'pip install "optimum-onnx[onnxruntime]" soundfile',
    "triton": 'pip install "tritonclient[grpc]" soundfile',
}


@pytest.fixture(scope="module")
def text():
    return voxport.load(COMMANDS, provider="cpu").transcribe(SPEECH).text


def make(tmp_path, name):
    """The folder of the README, with speech.wav in it."""
    export_layout(str(COMMANDS), tmp_path / "commands", name, Options())
    folder = next((tmp_path / "commands").rglob("README.md")).parent
    soundfile.write(folder / "speech.wav", *soundfile.read(SPEECH), subtype="PCM_16")
    return folder


def blocks(folder, language):
    readme = (folder / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def sherpa_onnx():
    """sherpa_onnx with a greedy recogniser over the folder's graph and tokens."""

    class Stream:
        def accept_waveform(self, sample_rate, samples):
            assert (sample_rate, samples.dtype, samples.ndim) == (16_000, np.float32, 1)
            wide = samples - samples.mean(dtype=np.float64)
            self.x = (wide / np.sqrt(wide.var() + 1e-5)).astype(np.float32)

    class Recognizer:
        def __init__(self, model, tokens):
            self.graph = session(model)
            lines = Path(tokens).read_text(encoding="utf-8").splitlines()
            self.tokens = [line.rsplit(" ", 1)[0] for line in lines]

        @classmethod
        def from_omnilingual_asr_ctc(cls, model, tokens):
            return cls(model, tokens)

        def create_stream(self):
            return Stream()

        def decode_stream(self, stream):
            path = self.graph.run(None, {"x": stream.x[None]})[0][0].argmax(axis=1)
            kept = [t for i, t in enumerate(path) if i == 0 or t != path[i - 1]]
            found = (self.tokens[t] for t in kept if self.tokens[t] != "<blk>")
            stream.result = types.SimpleNamespace(text="".join(found).replace("▁", " "))

    module = types.ModuleType("sherpa_onnx")
    module.OfflineRecognizer = Recognizer
    return {"sherpa_onnx": module}


def optimum():
    """optimum.onnxruntime with a model that runs onnx/model.onnx; the processor is real."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")

    class Model:
        @classmethod
        def from_pretrained(cls, folder):
            model = cls()
            model.graph = session(f"{folder}/onnx/model.onnx")
            return model

        def __call__(self, input_values):
            logits = self.graph.run(["logits"], {"input_values": input_values.numpy()})[0]
            return types.SimpleNamespace(logits=torch.from_numpy(logits))

    parent, module = types.ModuleType("optimum"), types.ModuleType("optimum.onnxruntime")
    module.ORTModelForCTC = Model
    return {"optimum": parent, "optimum.onnxruntime": module}


def tritonclient():
    """tritonclient.grpc with a server that runs 1/model.onnx."""

    class InferInput:
        def __init__(self, name, shape, kind):
            self.name, self.shape, self.kind = name, tuple(shape), kind

        def set_data_from_numpy(self, values):
            assert values.shape == self.shape
            assert values.dtype == {"FP32": np.float32, "INT64": np.int64}[self.kind]
            self.values = values
            return self

    class Client:
        def __init__(self, address):
            assert address == "localhost:8001"

        def infer(self, name, inputs, outputs):
            assert name == "commands"
            feed = {one.name: one.values for one in inputs}
            feed["lengths"] = feed["lengths"][:, 0]  # the configuration reshapes it
            names = [one.name for one in outputs]
            found = dict(zip(names, session("1/model.onnx").run(names, feed), strict=True))
            return types.SimpleNamespace(as_numpy=found.__getitem__)

    parent, module = types.ModuleType("tritonclient"), types.ModuleType("tritonclient.grpc")
    module.InferInput = InferInput
    module.InferRequestedOutput = lambda name: types.SimpleNamespace(name=name)
    module.InferenceServerClient = Client
    parent.grpc = module
    return {"tritonclient": parent, "tritonclient.grpc": module}


CLIENTS = {"sherpa-onnx": sherpa_onnx, "huggingface": optimum, "triton": tritonclient}


@pytest.mark.parametrize("name", NAMES)
def test_the_python_runs_as_printed(tmp_path, monkeypatch, capsys, text, name):
    folder = make(tmp_path, name)
    for module, stand_in in CLIENTS[name]().items():
        monkeypatch.setitem(sys.modules, module, stand_in)
    monkeypatch.chdir(folder)
    (block,) = blocks(folder, "python")
    assert INSTALLS[name] in "".join(blocks(folder, ""))
    exec(compile(block, "README.md", "exec"), {})
    assert text.strip()
    assert text.strip() in capsys.readouterr().out
