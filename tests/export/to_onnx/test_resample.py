"""Resampling by the optional input ``sample_rate`` against torchaudio's."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torchaudio.functional import resample

from voxport_export.quiet import quiet_torchscript
from voxport_export.to_onnx.resample import add_sample_rate

OWN = 16_000
RATES = [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000]
TOLERANCE = 1e-5
EDGES = [0, 1, 2, 7, 440, 441, 442, 5_000, 30_000]


def open_session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # hides a warning about an initializer among the inputs
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def make_resampler(own=OWN):
    """Return a graph of the resampling alone."""
    given = [
        ir.val("waveform", ir.DataType.FLOAT, ["batch", "samples"]),
        ir.val("lengths", ir.DataType.INT64, ["batch"]),
    ]
    nodes = [ir.node("Identity", [value]) for value in given]
    results = [node.outputs[0] for node in nodes]
    for result, value, shape in zip(results, given, (["batch", "heard"], ["batch"]), strict=True):
        result.name, result.type, result.shape = f"new_{value.name}", value.type, ir.Shape(shape)
    graph = ir.Graph(given, results, nodes=nodes, name="resample", opset_imports={"": 20})
    model = ir.Model(graph, ir_version=10)
    add_sample_rate(model, own)
    return ir.to_proto(model)


@pytest.fixture(scope="module")
def session():
    model = make_resampler()
    onnx.checker.check_model(model, full_check=True)
    return open_session(model.SerializeToString())


def run(session, waveform, lengths, rate):
    feed = {"waveform": np.atleast_2d(waveform), "lengths": np.array(lengths)}
    return session.run(None, feed | {"sample_rate": np.array(rate)})


def noise(samples):
    return np.random.default_rng(samples).uniform(-1, 1, samples).astype(np.float32)


def check(session, rate, samples, own=OWN):
    waveform = noise(samples)
    expected = resample(torch.from_numpy(waveform), rate, own).numpy()
    found, lengths = run(session, waveform, [samples], rate)
    assert lengths.tolist() == [len(expected)]
    assert found.shape == (1, len(expected))
    assert np.abs(found[0] - expected).max() <= TOLERANCE


@pytest.mark.parametrize("rate", [*RATES, 1_000, 12_345, 96_000])
def test_resampling_equals_torchaudio(session, rate):
    for samples in (1, 2, rate // 100, rate // 3):
        check(session, rate, samples)


def test_lengths_are_rounded_as_torchaudio_rounds_them(session):
    """From 2^17 samples on a float32 has no room for a fraction of 1 / 441."""
    counts = [400_000 + 7 * i for i in range(63)]
    silence = np.zeros((len(counts), max(counts)), np.float32)
    lengths = run(session, silence, counts, 44_100)[1].tolist()
    exact = [-(-n * 160 // 441) for n in counts]
    assert lengths == [resample(torch.empty(1, n), 44_100, OWN).shape[1] for n in counts]
    assert lengths != exact


@pytest.mark.parametrize("own", [8_000, 22_050])
def test_the_models_own_rate_can_be_another(own):
    session = open_session(make_resampler(own).SerializeToString())
    for rate in (16_000, 44_100):
        check(session, rate, 4_321, own)


@pytest.mark.parametrize("rate", RATES)
def test_a_row_is_independent_of_padding_and_neighbours(session, rate):
    waveform = np.full((len(EDGES), max(EDGES)), np.nan, np.float32)
    for row, samples in enumerate(EDGES):
        waveform[row, :samples] = noise(samples)
    together, lengths = run(session, waveform, EDGES, rate)
    assert np.isfinite(together).all()
    for row, samples in enumerate(EDGES):
        (alone,), (length,) = run(session, waveform[row, :samples], [samples], rate)
        assert lengths[row] == length == len(alone)
        np.testing.assert_allclose(together[row, :length], alone, atol=1e-6)


def test_a_length_beyond_the_samples_means_all_samples(session):
    waveform = np.stack([noise(500)] * 3)
    found, lengths = run(session, waveform, [9_999, 500, -7], 8_000)
    assert lengths.tolist() == [1_000, 1_000, 0]
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("rate", [0, -16_000, 999, 1_000_001, -(2**63), 2**63 - 1])
def test_a_rate_out_of_range_gives_empty_rows(session, rate):
    assert run(session, noise(5_000), [5_000], rate)[1].tolist() == [0]


def test_without_a_rate_the_waveform_is_unchanged(session):
    assert [value.name for value in session.get_inputs()] == ["waveform", "lengths"]
    assert [v.name for v in session.get_overridable_initializers()] == ["sample_rate"]
    waveform = np.array([[1, np.nan, 3]], np.float32)
    for feed in ({}, {"sample_rate": np.array(OWN)}):
        found = session.run(None, {"waveform": waveform, "lengths": np.array([9])} | feed)
        assert np.array_equal(found[0], waveform, equal_nan=True)
        assert found[1].tolist() == [9]


# Artifacts


def waveforms_at(rate):
    """Yield a waveform at ``rate`` and the same resampled by torchaudio, each with its inputs."""
    waveform = np.cumsum(noise(2 * rate))[None] * np.float32(0.01)
    own = resample(torch.from_numpy(waveform), rate, OWN).numpy()
    yield waveform, {"sample_rate": np.array(rate)}
    yield own, {}


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_the_exported_graph_resamples_like_torchaudio(exported, rate):
    session = open_session(exported / "model.onnx")
    names = ["emission", "emission_lengths", "tokens", "transcript"]
    found, expected = (
        session.run(names, {"waveform": x, "lengths": np.array([x.shape[1]])} | more)
        for x, more in waveforms_at(rate)
    )
    assert found[0].shape == expected[0].shape
    assert np.abs(found[0] - expected[0]).max() <= 1e-4 * max(1, np.abs(expected[0]).max())
    assert [value.tolist() for value in found[1:]] == [value.tolist() for value in expected[1:]]


def test_recordings_shorter_than_a_frame_are_empty(exported):
    session = open_session(exported / "model.onnx")
    for samples, rate in ((1, 44_100), (1_000, 44_100), (5_000, 0)):
        feed = {"waveform": noise(samples)[None], "lengths": np.array([samples])}
        found = session.run(["transcript"], feed | {"sample_rate": np.array(rate)})
        assert found[0].tolist() == [""]


@pytest.mark.parametrize("rate", RATES)
@torch.no_grad()
def test_the_torchscript_file_resamples_like_torchaudio(exported, rate):
    with quiet_torchscript():
        module = torch.jit.load(exported / "model.ts")
    waveform = torch.full((4, rate), float("nan"))
    lengths = torch.tensor([rate, rate // 2, 1, 0])
    for row, samples in enumerate(lengths.tolist()):
        waveform[row, :samples] = torch.from_numpy(noise(samples))
    together = module(waveform, lengths, rate)
    for row, samples in enumerate(lengths.tolist()):
        heard = waveform[row : row + 1, :samples]
        heard = resample(heard, rate, OWN) if samples else heard
        alone = module(heard, torch.tensor([heard.shape[1]]))
        frames = int(alone[1])
        assert frames == int(together[1][row])
        torch.testing.assert_close(together[0][row, :frames], alone[0][0], atol=1e-4, rtol=1e-4)
        assert together[7][row] == alone[7][0]
