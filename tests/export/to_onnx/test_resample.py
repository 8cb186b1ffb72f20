"""The optional input ``sample_rate``, against torchaudio's resampler."""

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


def session_of(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of an initializer that is an input
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def resampler(own=OWN):
    """A graph that does nothing else."""
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
    model = resampler()
    onnx.checker.check_model(model, full_check=True)
    return session_of(model.SerializeToString())


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
def test_equals_torchaudio(session, rate):
    for samples in (1, 2, rate // 100, rate // 3):
        check(session, rate, samples)


def test_lengths_are_rounded_as_torchaudio_rounds_them(session):
    """From 2^17 samples on, a float32 does not hold a fraction of 1 / 441 any more."""
    counts = [400_000 + 7 * i for i in range(63)]
    silence = np.zeros((len(counts), max(counts)), np.float32)
    lengths = run(session, silence, counts, 44_100)[1].tolist()
    exact = [-(-n * 160 // 441) for n in counts]
    assert lengths == [resample(torch.empty(1, n), 44_100, OWN).shape[1] for n in counts]
    assert lengths != exact


@pytest.mark.parametrize("own", [8_000, 22_050])
def test_models_of_other_rates(own):
    session = session_of(resampler(own).SerializeToString())
    for rate in (16_000, 44_100):
        check(session, rate, 4_321, own)


@pytest.mark.parametrize("rate", RATES)
def test_padding_and_neighbours_do_not_matter(session, rate):
    waveform = np.full((len(EDGES), max(EDGES)), np.nan, np.float32)
    for row, samples in enumerate(EDGES):
        waveform[row, :samples] = noise(samples)
    together, lengths = run(session, waveform, EDGES, rate)
    assert np.isfinite(together).all()
    for row, samples in enumerate(EDGES):
        (alone,), (length,) = run(session, waveform[row, :samples], [samples], rate)
        assert lengths[row] == length == len(alone)
        np.testing.assert_allclose(together[row, :length], alone, atol=1e-6)


def test_length_beyond_the_samples_is_all_of_them(session):
    waveform = np.stack([noise(500)] * 3)
    found, lengths = run(session, waveform, [9_999, 500, -7], 8_000)
    assert lengths.tolist() == [1_000, 1_000, 0]
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("rate", [0, -16_000, 999, 1_000_001, -(2**63), 2**63 - 1])
def test_a_rate_that_no_recording_has_gives_nothing(session, rate):
    assert run(session, noise(5_000), [5_000], rate)[1].tolist() == [0]


def test_without_it_the_waveform_is_left_alone(session):
    assert [value.name for value in session.get_inputs()] == ["waveform", "lengths"]
    assert [v.name for v in session.get_overridable_initializers()] == ["sample_rate"]
    waveform = np.array([[1, np.nan, 3]], np.float32)
    for feed in ({}, {"sample_rate": np.array(OWN)}):
        found = session.run(None, {"waveform": waveform, "lengths": np.array([9])} | feed)
        assert np.array_equal(found[0], waveform, equal_nan=True)
        assert found[1].tolist() == [9]


# Artifacts


def answers_at(package, rate):
    """Emissions for a waveform at `rate`, and for what torchaudio's resampler makes of it."""
    waveform = np.cumsum(noise(2 * rate))[None] * np.float32(0.01)
    own = resample(torch.from_numpy(waveform), rate, OWN).numpy()
    yield waveform, {"sample_rate": np.array(rate)}
    yield own, {}


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_the_exported_graph(exported, rate):
    session = session_of(exported / "model.onnx")
    names = ["emission", "emission_lengths", "tokens", "transcript"]
    found, expected = (
        session.run(names, {"waveform": x, "lengths": np.array([x.shape[1]])} | more)
        for x, more in answers_at(exported, rate)
    )
    assert found[0].shape == expected[0].shape
    assert np.abs(found[0] - expected[0]).max() <= 1e-4 * max(1, np.abs(expected[0]).max())
    assert [value.tolist() for value in found[1:]] == [value.tolist() for value in expected[1:]]


def test_too_short_to_be_heard(exported):
    session = session_of(exported / "model.onnx")
    for samples, rate in ((1, 44_100), (1_000, 44_100), (5_000, 0)):
        feed = {"waveform": noise(samples)[None], "lengths": np.array([samples])}
        found = session.run(["transcript"], feed | {"sample_rate": np.array(rate)})
        assert found[0].tolist() == [""]


@pytest.mark.parametrize("rate", RATES)
@torch.no_grad()
def test_torchscript(exported, rate):
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
