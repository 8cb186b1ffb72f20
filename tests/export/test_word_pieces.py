"""Word pieces in the files: the transcript of the graph is the tokenizer's own text."""

import json
import shutil

import onnx_ir as ir
import onnxruntime
import pytest
import torch

import voxport
from support import data
from voxport.backends.contract import join_pieces
from voxport_export import to_torchscript
from voxport_export.package.export import Options, export_package
from voxport_export.quiet import quiet_torchscript
from voxport_export.to_onnx.transcript import append_transcript

COMMANDS = data.ROOT / "models" / "commands"
PIECES = ["<pad>", " the", " c", "at", "", " ", "s"]
ROWS = [[1, 2, 3], [4, 1, 4], [3, 6, 1], [5, 1, -1], [4, 4, -1], [-1, -1, -1]]


def texts_of(rows):
    tokens = torch.tensor(rows, dtype=torch.int64).reshape(len(rows), -1)
    return join_pieces(tokens.numpy(), PIECES)


def test_the_rule_is_the_runtimes():
    expected = ["the cat", "the", "ats the", " the", "", ""]
    assert texts_of(ROWS) == expected


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [[], []]])
def test_the_onnx_graph_joins_the_same_text(rows, tmp_path):
    int64 = ir.TensorType(ir.DataType.INT64)
    tokens = ir.Value(name="tokens", type=int64, shape=ir.Shape(["batch", "n"]))
    lengths = ir.Value(name="token_lengths", type=int64, shape=ir.Shape(["batch"]))
    scores = ir.Value(
        name="token_scores", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(["batch"])
    )
    graph = ir.Graph(
        [tokens, lengths, scores],
        [tokens, lengths, scores],
        nodes=[],
        opset_imports={"": 20},
        name="graph",
    )
    model = ir.Model(graph, ir_version=10)
    append_transcript(model, PIECES)
    ir.save(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    given = torch.tensor(rows, dtype=torch.int64).reshape(len(rows), -1)
    values = {
        "tokens": given.numpy(),
        "token_lengths": (given >= 0).sum(dim=1).numpy(),
        "token_scores": torch.zeros(len(rows)).numpy(),
    }
    found = session.run(["transcript"], values)[0].tolist()
    assert found == texts_of(rows)


class Fixed(torch.nn.Module):
    """Tokens given as the waveform."""

    def forward(self, waveform: torch.Tensor, lengths: torch.Tensor):
        tokens = waveform.long()
        zeros = tokens.sum(dim=1) * 0
        return waveform, zeros, tokens, zeros, tokens, tokens, waveform


def test_torchscript_joins_the_same_text():
    given = torch.tensor(ROWS)
    with quiet_torchscript():
        traced = torch.jit.trace(Fixed(), (given.float(), torch.zeros(len(ROWS))))
        module = torch.jit.script(to_torchscript._WithPieces(traced, PIECES, 16_000))
    assert module(given.float(), torch.zeros(len(ROWS)), None)[-1] == texts_of(ROWS)


def test_its_torchscript_runs_unnamed(tmp_path):
    """The look at a TorchScript file knows what the exporter writes for word pieces."""
    model = tmp_path / "model"
    model.mkdir()
    shutil.copy(COMMANDS / "weights.safetensors", model)
    config = json.loads((COMMANDS / "config.json").read_text(encoding="utf-8"))
    others = {"Y": " y", "E": "e", "S": "s", "|": " "}
    config["labels"] = [others.get(label, label) for label in config["labels"]]
    config["word_delimiter"] = " "
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    options = Options(formats=("torchscript",), audio=(data.SAMPLES / "yes.flac",))
    export_package(str(model), tmp_path / "out", options)
    found = voxport.load(tmp_path / "out").transcribe(data.SAMPLES / "yes.flac")
    assert (found.text, [word.text for word in found.words]) == ("yes", ["yes"])
    assert [token.text for token in found.tokens] == ["y", "e", "s"]
