"""Artifacts of fewer bits: what they compute, what the gate lets through, what verify says."""

import dataclasses
import shutil
import time

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import voxport
from support import data
from voxport.audio.files import read_audio
from voxport.backends.contract import OUTPUTS
from voxport.backends.open import open_artifact
from voxport.cli import app
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import _golden_clip, verify
from voxport_export.errors import ExportError, LowPrecisionError
from voxport_export.package.artifact import build_recognizer
from voxport_export.package.export import Options, export_package
from voxport_export.parity.low_precision import LowPrecisionLimits, measure_loss, measure_speedup
from voxport_export.precisions.calibration import Range, fit_range
from voxport_export.precisions.fp16 import to_fp16
from voxport_export.precisions.int8 import QuantizedConv, to_int8
from voxport_export.sources.resolve import resolve

AUDIO = (data.SAMPLES / "yes.flac", data.SAMPLES / "seven.wav")
LOWER = ["int8", "fp16"]


@pytest.fixture(scope="module")
def lower(narrow_model, tmp_path_factory):
    """All precisions of the narrow model; its random weights lose more than trained ones."""
    folder = tmp_path_factory.mktemp("package") / "lower"
    options = Options(
        formats=("onnx",), precisions=("fp32", *LOWER), audio=AUDIO, max_cer=1.0, force=True
    )
    export_package(str(narrow_model), folder, options)
    return folder


def opened(folder, precision):
    manifest = read_manifest(folder)
    found = next(item for item in manifest.artifacts if item.precision == precision)
    return open_artifact(folder, found, "cpu")


def speech(samples=30_000):
    return np.resize(read_audio(AUDIO[1], "seven").waveform, samples)


def test_the_manifest_states_what_is_lost(lower):
    manifest = read_manifest(lower)
    assert [a.path for a in manifest.artifacts] == [
        "model.onnx",
        "model.int8.onnx",
        "model.fp16.onnx",
    ]
    assert [p.artifact for p in manifest.parity] == ["model.onnx"]
    int8, fp16 = manifest.gates
    assert 0 < fp16.max_emission_difference < int8.max_emission_difference
    assert (int8.clips, int8.cer_limit, fp16.cer_limit) == (2, 1.0, 1.0)
    assert int8.speed is not None
    card = (lower / "README.md").read_text(encoding="utf-8")
    assert "model.int8.onnx" in card
    sizes = {a.precision: a.bytes for a in manifest.artifacts}
    assert sizes["int8"] < sizes["fp32"]


def test_only_a_cpu_runs_blocks_of_time(lower):
    for name, scans in (("model.onnx", 1), ("model.int8.onnx", 1), ("model.fp16.onnx", 0)):
        nodes = onnx.load(lower / name).graph.node
        assert [node.op_type for node in nodes].count("Scan") == scans


@pytest.mark.parametrize("precision", LOWER)
def test_a_row_never_sees_its_neighbours(lower, precision):
    """Ranges are not taken from the batch: an answer is the same beside a loud one, and in NaN."""
    backend = opened(lower, precision)
    quiet, loud = 0.01 * speech(), 0.9 * speech(60_000)
    alone = backend.run(quiet[None], np.array([len(quiet)]))
    batch = np.full((3, len(loud)), np.nan, np.float32)
    batch[0, : len(quiet)], batch[1] = quiet, loud
    together = backend.run(batch, np.array([len(quiet), len(loud), 0]))
    frames = int(alone.emission_lengths[0])
    assert together.emission_lengths.tolist()[::2] == [frames, 0]
    found = together.emission[0, :frames]
    limit = 1e-3 if precision == "int8" else 2e-2  # float16 rounds sums of another order
    assert np.abs(found - alone.emission[0]).max() <= limit * np.abs(alone.emission).max()
    assert str(together.transcript[0]) == str(alone.transcript[0])
    assert np.isfinite(together.emission).all()


@pytest.mark.parametrize("offset", [0.0, 0.3])
@pytest.mark.parametrize("samples", [16_080, 24_720])
def test_a_last_frame_never_hears_what_follows_it(lower, samples, offset):
    """int8 takes a range over more samples than a frame hears."""
    backend = opened(lower, "int8")
    waveform = speech(samples) + np.float32(offset)
    alone = backend.run(waveform[None], np.array([samples])).emission
    longer = np.full((1, samples + 319), np.nan, np.float32)
    longer[0, :samples] = waveform
    found = backend.run(longer, np.array([samples])).emission[:, : alone.shape[1]]
    assert np.abs(found - alone).max() <= 1e-5 * np.abs(alone).max()


def test_a_bias_outlives_weights_that_are_nothing():
    conv = nn.Conv1d(4, 4, 3, padding=1, groups=2).requires_grad_(requires_grad=False)
    conv.weight[1], conv.weight[2], conv.bias[:] = 0.0, conv.weight[2] * 1e-12, 0.5
    x = 2 * torch.rand(1, 4, 9, generator=torch.Generator().manual_seed(0)) - 1
    found = QuantizedConv(conv, Range(-1.0, 1.0), Range(-2.0, 2.0))(x)
    assert float((found - conv(x)).abs().max()) <= 0.04


@pytest.mark.parametrize(("precision", "limit"), [("int8", 0.15), ("fp16", 0.01)])
def test_emissions_are_near_those_of_fp32(lower, precision, limit):
    given = speech()[None], np.array([30_000])
    exact = opened(lower, "fp32").run(*given).emission
    found = opened(lower, precision).run(*given).emission
    assert 0 < (found - exact).std() <= limit * exact.std()


def test_weights_and_products_are_bytes(lower):
    model = onnx.load(lower / "model.int8.onnx")
    assert {item.domain for item in model.opset_import if item.domain} <= {
        "pkg.onnxscript.torch_lib"
    }
    big = [w for w in model.graph.initializer if np.prod(w.dims) >= 1000]
    floats = [w.name for w in big if w.data_type == onnx.TensorProto.FLOAT]
    assert len(floats) <= 1, floats


def test_the_source_is_not_changed(narrow_model):
    source = resolve(str(narrow_model))
    before = {name: value.clone() for name, value in source.model.state_dict().items()}
    runs = [(torch.from_numpy(speech())[None], torch.tensor([30_000]))]
    for convert in (to_int8, to_fp16):
        convert(build_recognizer(source), runs)
    for name, value in source.model.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name]), name


def test_a_range_clips_outliers_and_keeps_zero():
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    tight = fit_range(torch.cat([values, torch.tensor([12.0])]))
    assert 3 < tight.high < 12
    assert tight.low < -3
    assert -tight.zero_point * tight.scale == pytest.approx(tight.low, abs=tight.scale)
    assert fit_range(torch.zeros(3)).scale == 1.0
    assert Range(0.0, 255.0).zero_point == 0


# The gate


@pytest.fixture(scope="module")
def answers(lower):
    return [_golden_clip(lower, clip) for clip in read_manifest(lower).golden]


class Slower:
    """A backend that answers in a changed way, and not before some time has passed."""

    runtime, provider = "fake 1", "fake"

    def __init__(self, backend, seconds=0.0, change=None):
        self._backend, self._seconds, self._change = backend, seconds, change

    def run(self, waveform, lengths, outputs=OUTPUTS):
        time.sleep(self._seconds)
        output = self._backend.run(waveform, lengths, outputs)
        return output if self._change is None else self._change(output)


def judge(backend, fp32, answers, **limits):
    return measure_loss(
        "model.x.onnx", backend, fp32, answers, 16_000, LowPrecisionLimits(**limits)
    )


def test_what_is_faster_and_equal_passes(lower, answers):
    fast = opened(lower, "fp32")
    gate = judge(fast, Slower(fast, 0.05), answers)
    assert (gate.cer, gate.equal_transcripts, gate.forced) == (0.0, 1.0, False)
    assert gate.speed > 1


def test_what_is_not_faster_is_refused(lower, answers):
    fast = opened(lower, "fp32")
    with pytest.raises(
        LowPrecisionError, match=r"not faster than fp32 on fake: 0\.\d+ times as fast"
    ):
        judge(Slower(fast, 0.1), fast, answers)
    assert judge(Slower(fast, 0.1), fast, answers, force=True).forced


def test_what_loses_too_much_is_refused(lower, answers):
    def lose(output):
        texts = [f"{text[1:]}" for text in output.transcript]
        return dataclasses.replace(output, transcript=texts)

    other = Slower(opened(lower, "fp32"), change=lose)
    with pytest.raises(
        LowPrecisionError, match=r"of the characters are not those of fp32.*--force"
    ):
        judge(other, None, answers)
    gate = judge(other, None, answers, force=True)
    assert gate.forced
    assert gate.speed is None
    assert gate.cer == len(answers) / sum(len(one.transcript) for one in answers)
    assert not judge(other, None, answers, cer=1.0).forced


def test_what_is_not_a_number_is_refused_even_by_force(lower, answers):
    broken = Slower(
        opened(lower, "fp32"),
        change=lambda o: dataclasses.replace(o, emission=o.emission * np.nan),
    )
    with pytest.raises(LowPrecisionError, match="emissions differ by nan"):
        judge(broken, None, answers, force=True)


def test_silence_proves_nothing(lower, answers):
    mute = [dataclasses.replace(one, transcript="") for one in answers]
    with pytest.raises(ExportError, match=r"hears no words in the recordings.*--calibrate"):
        judge(opened(lower, "fp32"), None, mute)


def test_speed_is_a_ratio_of_medians(lower):
    fast = opened(lower, "fp32")
    short = speech(2_000)[None]
    assert measure_speedup(Slower(fast, 0.03), fast, short) > 1.5


@pytest.fixture
def written(lower, monkeypatch):
    """Exports that take the files written before: tracing is most of their time."""
    artifacts = {(a.kind, a.precision): a for a in read_manifest(lower).artifacts}

    def take(graph, source, folder, kind, precision="fp32"):
        shutil.copy(lower / artifacts[kind, precision].path, folder)
        return artifacts[kind, precision]

    monkeypatch.setattr("voxport_export.package.export.write_artifact", take)
    monkeypatch.setattr("voxport_export.package.low_precision.write_artifact", take)


@pytest.mark.usefixtures("written")
def test_a_refused_artifact_writes_no_package(narrow_model, tmp_path, monkeypatch):
    monkeypatch.setattr("voxport_export.parity.low_precision.speed", lambda *_: 0.5)
    options = Options(formats=("onnx",), precisions=("int8",), audio=AUDIO, max_cer=1.0)
    with pytest.raises(LowPrecisionError, match=r"model\.int8\.onnx: not faster"):
        export_package(str(narrow_model), tmp_path / "package", options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("written")
def test_one_lower_precision_alone_on_other_speech(narrow_model, tmp_path, monkeypatch):
    monkeypatch.setattr("voxport_export.parity.low_precision.speed", lambda *_: 2.0)
    folder = tmp_path / "package"
    calibrate = (data.SAMPLES / "stop.flac",)
    options = Options(precisions=("int8",), audio=AUDIO, calibrate=calibrate, max_cer=1.0)
    manifest = export_package(str(narrow_model), folder, options)
    assert [a.path for a in manifest.artifacts] == ["model.int8.onnx"]
    assert not (folder / "model.onnx").exists()
    assert (manifest.gates[0].clips, len(manifest.golden)) == (1, 2)
    assert voxport.load(folder, provider="cpu").artifact.precision == "int8"


def test_lower_precisions_are_onnx_of_recognisers(narrow_model, headless_model, tmp_path):
    options = Options(formats=("torchscript",), precisions=("int8",), audio=AUDIO)
    with pytest.raises(ExportError, match="int8 is written as ONNX only"):
        export_package(str(narrow_model), tmp_path / "package", options)
    options = Options(precisions=("int8",), features=True, audio=AUDIO)
    with pytest.raises(ExportError, match="has no CTC head"):
        export_package(str(headless_model), tmp_path / "package", options)


# What the runtime makes of it


def test_precision_chooses(lower):
    assert voxport.load(lower, "cpu").artifact.precision == "fp32"
    assert voxport.load(lower, "cpu", precision="int8").artifact.path == "model.int8.onnx"
    result = CliRunner().invoke(app, ["inspect", str(lower)])
    assert "against fp32:" in result.stdout
    assert "; forced" in result.stdout or "times as fast" in result.stdout


def test_verify_knows_the_recorded_loss(lower):
    report = verify(lower)
    assert report.ok, [check.problem for check in report.checks]
    result = CliRunner().invoke(app, ["verify", str(lower)])
    assert "model.int8.onnx: 2 of 2 recordings as close as was measured" in result.stdout
    assert verify(lower, "eager", [data.SAMPLES / "stop.flac"]).skipped == ()


def test_verify_finds_more_than_the_recorded_loss(lower, monkeypatch):
    manifest = read_manifest(lower)
    gates = [dataclasses.replace(gate, max_emission_difference=1e-7) for gate in manifest.gates]
    monkeypatch.setattr(
        "voxport.verification.verify.read_manifest",
        lambda _: dataclasses.replace(manifest, gates=tuple(gates)),
    )
    report = verify(lower)
    assert {c.artifact for c in report.checks if not c.ok} == {"model.int8.onnx", "model.fp16.onnx"}
