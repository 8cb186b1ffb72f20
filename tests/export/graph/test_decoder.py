"""Greedy decoders of the graph and of the runtime against torchaudio's tutorial."""

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from voxport.decoding import greedy
from voxport_export.graph.decoder import GreedyDecoder
from voxport_export.quiet import quiet_onnx_exporter, quiet_torchscript
from voxport_export.to_onnx.transcript import append_transcript

LABELS = "-|ABL"
BLANK = 0


class GreedyCTCDecoder(nn.Module):
    """The reference of the tutorial "Speech Recognition with Wav2Vec2"."""

    def __init__(self, labels, blank=0):
        super().__init__()
        self.labels = labels
        self.blank = blank

    def forward(self, emission):
        indices = torch.argmax(emission, dim=-1)
        indices = torch.unique_consecutive(indices, dim=-1)
        indices = [i for i in indices if i != self.blank]
        return "".join([self.labels[i] for i in indices])


class Decoder(nn.Module):
    """The graph's decoder with a mask of valid frames, as the recognizer calls it."""

    def __init__(self, blank=BLANK):
        super().__init__()
        self.decoder = GreedyDecoder(blank)

    def forward(self, emission, valid):
        return self.decoder(emission, valid)


def make_emission(path, labels=LABELS):
    """Return an emission (T, L) with the greedy path ``path``, ahead by random margins."""
    generator = torch.Generator().manual_seed(len(path))
    emission = torch.randn(len(path), len(labels), generator=generator)
    for frame, label in enumerate(path):
        emission[frame, labels.index(label)] = emission[frame].max() + 0.5
    return emission


def pad_batch(emissions):
    """Pad rows with a label that would be decoded; return them and the mask of valid frames."""
    frames = max([len(e) for e in emissions] + [1])
    padded = torch.zeros(len(emissions), frames, emissions[0].shape[-1])
    padded[..., 2] = 9.0
    valid = torch.zeros(len(emissions), frames, dtype=torch.bool)
    for row, emission in enumerate(emissions):
        padded[row, : len(emission)] = emission
        valid[row, : len(emission)] = True
    return padded, valid


@pytest.fixture(scope="module")
def run_onnx(tmp_path_factory):
    emission, valid = torch.randn(2, 9, len(LABELS)), torch.ones(2, 9, dtype=torch.bool)
    batch, frames = torch.export.Dim("batch"), torch.export.Dim("frames")
    with quiet_onnx_exporter():
        program = torch.onnx.export(
            Decoder().eval(),
            (emission, valid),
            dynamo=True,
            opset_version=20,
            verbose=False,
            dynamic_shapes=({0: batch, 1: frames}, {0: batch, 1: frames}),
            input_names=["emission", "valid"],
            output_names=["tokens", "token_lengths", "token_starts", "token_ends", "token_scores"],
        )
    append_transcript(program.model, [" " if x == "|" else x for x in LABELS])
    path = tmp_path_factory.mktemp("decoder") / "decoder.onnx"
    ir.save(program.model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda emission, valid: session.run(
        None, {"emission": emission.numpy(), "valid": valid.numpy()}
    )


@pytest.fixture(scope="module")
def run_torchscript():
    example = (torch.randn(2, 9, len(LABELS)), torch.ones(2, 9, dtype=torch.bool))
    with quiet_torchscript():
        return torch.jit.trace(Decoder(), example, check_trace=False)


HAND_MADE = {
    "double letters apart": "-BAL-L--A",
    "double letters together": "BALLA",
    "all blank": "-----",
    "first and last frame": "A---B",
    "one frame": "A",
    "one blank frame": "-",
    "no frame": "",
    "delimiters": "|A||-|B|",
    "every frame a token": "ABABABLAB",
}


@pytest.mark.parametrize("path", HAND_MADE.values(), ids=HAND_MADE)
def test_handmade_paths_equal_the_reference(path, run_onnx, run_torchscript):
    emission = make_emission(path)
    check_rows([emission], run_onnx, run_torchscript)
    check_rows([emission, make_emission("ALB-BAL"), emission[:0]], run_onnx, run_torchscript)


def test_random_emissions_equal_the_reference(run_onnx, run_torchscript):
    generator = torch.Generator().manual_seed(7)
    for case in range(100):
        rows = int(torch.randint(1, 6, (), generator=generator))
        lengths = torch.randint(0, 40, (rows,), generator=generator)
        # Every second case repeats its frames: long runs of one label
        emissions = [torch.randn(n, len(LABELS), generator=generator) for n in lengths]
        if case % 2:
            emissions = [e.repeat_interleave(3, dim=0) for e in emissions]
        check_rows(emissions, run_onnx, run_torchscript)


def check_rows(emissions, run_onnx, run_torchscript):
    padded, valid = pad_batch(emissions)
    *found, transcripts = run_onnx(padded, valid)
    traced = [t.numpy() for t in run_torchscript(padded, valid)]
    eager = [t.numpy() for t in Decoder()(padded, valid)]
    for other in (traced, eager):
        for one, two in zip(found[:-1], other[:-1], strict=True):
            np.testing.assert_array_equal(one, two)
        np.testing.assert_allclose(found[-1], other[-1], atol=1e-6)
    reference = GreedyCTCDecoder(LABELS, BLANK)
    for row, emission in enumerate(emissions):
        expected = reference(emission)
        assert transcripts[row] == expected.replace("|", " ")
        check_row(emission, [values[row] for values in found], expected)
    assert found[0].shape[1] == max(found[1])


def check_row(emission, values, expected):
    """Check a row's tokens, their times and scores against the frames."""
    tokens, count, starts, ends, scores = values
    assert count == len(expected)
    assert "".join(LABELS[t] for t in tokens[:count]) == expected
    for values in (tokens, starts, ends):
        assert (values[count:] == -1).all()
    posterior = emission.softmax(dim=-1).numpy()
    path = emission.argmax(dim=-1).tolist()
    for token, start, end, score in zip(
        tokens[:count], starts[:count], ends[:count], scores[:count], strict=True
    ):
        assert path[start:end] == [token] * (end - start)
        assert start == 0 or path[start - 1] != token
        assert end == len(path) or path[end] != token
        np.testing.assert_allclose(score, posterior[start:end, token].mean(), rtol=1e-5)
    check_numpy(emission, [column[:count] for column in (tokens, starts, ends, scores)])


def check_numpy(emission, columns):
    """Check the runtime's decoder against the graph's."""
    path = greedy.decode(emission.numpy(), BLANK)
    for found, expected in zip((path.tokens, path.starts, path.ends), columns[:3], strict=True):
        assert found == expected.tolist()
    np.testing.assert_allclose(path.scores, columns[3], atol=1e-6)


def test_the_blank_can_be_any_label():
    labels = "A|B-"
    emission = make_emission("AA-AB--B|", labels)
    path = GreedyDecoder(blank=3)(emission[None], torch.ones(1, len(emission), dtype=torch.bool))
    assert "".join(labels[t] for t in path.tokens[0]) == GreedyCTCDecoder(labels, 3)(emission)
