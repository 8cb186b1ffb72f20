"""Low-precision artifacts: their arithmetic, the quality gate, and their verification."""

import dataclasses
import itertools
import shutil

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
LOW_PRECISIONS = ["int8", "fp16"]


@pytest.fixture(scope="module")
def precision_package(narrow_model, tmp_path_factory):
    """A package in all precisions; the model's random weights lose more than trained ones."""
    folder = tmp_path_factory.mktemp("package") / "low-precision"
    options = Options(
        formats=("onnx",),
        precisions=("fp32", *LOW_PRECISIONS),
        audio=AUDIO,
        max_cer=1.0,
        force=True,
    )
    export_package(str(narrow_model), folder, options)
    return folder


def open_precision(folder, precision):
    manifest = read_manifest(folder)
    found = next(item for item in manifest.artifacts if item.precision == precision)
    return open_artifact(folder, found, "cpu")


def speech(samples=30_000):
    return np.resize(read_audio(AUDIO[1]).waveform, samples)


def test_the_manifest_records_the_loss(precision_package):
    manifest = read_manifest(precision_package)
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
    card = (precision_package / "README.md").read_text(encoding="utf-8")
    assert "model.int8.onnx" in card
    sizes = {a.precision: a.bytes for a in manifest.artifacts}
    assert sizes["int8"] < sizes["fp32"]


def test_only_artifacts_for_a_cpu_run_in_blocks_of_time(precision_package):
    for name, scans in (("model.onnx", 1), ("model.int8.onnx", 1), ("model.fp16.onnx", 0)):
        nodes = onnx.load(precision_package / name).graph.node
        assert [node.op_type for node in nodes].count("Scan") == scans


@pytest.mark.parametrize("precision", LOW_PRECISIONS)
def test_a_row_is_independent_of_its_neighbours(precision_package, precision):
    """Ranges do not come from the batch: a row is the same beside a loud one and before NaN."""
    backend = open_precision(precision_package, precision)
    quiet, loud = 0.01 * speech(), 0.9 * speech(60_000)
    alone = backend.run(quiet[None], np.array([len(quiet)]))
    batch = np.full((3, len(loud)), np.nan, np.float32)
    batch[0, : len(quiet)], batch[1] = quiet, loud
    together = backend.run(batch, np.array([len(quiet), len(loud), 0]))
    frames = int(alone.emission_lengths[0])
    assert together.emission_lengths.tolist()[::2] == [frames, 0]
    found = together.emission[0, :frames]
    limit = 1e-3 if precision == "int8" else 2e-2  # float16 sums in another order round otherwise
    assert np.abs(found - alone.emission[0]).max() <= limit * np.abs(alone.emission).max()
    assert str(together.transcript[0]) == str(alone.transcript[0])
    assert np.isfinite(together.emission).all()


@pytest.mark.parametrize("offset", [0.0, 0.3])
@pytest.mark.parametrize("samples", [16_080, 24_720])
def test_the_last_frame_is_independent_of_the_padding(precision_package, samples, offset):
    """int8 takes a range over more samples than a frame's receptive field."""
    backend = open_precision(precision_package, "int8")
    waveform = speech(samples) + np.float32(offset)
    alone = backend.run(waveform[None], np.array([samples])).emission
    longer = np.full((1, samples + 319), np.nan, np.float32)
    longer[0, :samples] = waveform
    found = backend.run(longer, np.array([samples])).emission[:, : alone.shape[1]]
    assert np.abs(found - alone).max() <= 1e-5 * np.abs(alone).max()


def test_a_bias_survives_weights_of_zero():
    conv = nn.Conv1d(4, 4, 3, padding=1, groups=2).requires_grad_(requires_grad=False)
    conv.weight[1], conv.weight[2], conv.bias[:] = 0.0, conv.weight[2] * 1e-12, 0.5
    x = 2 * torch.rand(1, 4, 9, generator=torch.Generator().manual_seed(0)) - 1
    found = QuantizedConv(conv, Range(-1.0, 1.0), Range(-2.0, 2.0))(x)
    assert float((found - conv(x)).abs().max()) <= 0.04


@pytest.mark.parametrize(("precision", "limit"), [("int8", 0.15), ("fp16", 0.01)])
def test_emissions_are_close_to_fp32(precision_package, precision, limit):
    given = speech()[None], np.array([30_000])
    exact = open_precision(precision_package, "fp32").run(*given).emission
    found = open_precision(precision_package, precision).run(*given).emission
    assert 0 < (found - exact).std() <= limit * exact.std()


def test_the_weights_of_int8_are_bytes(precision_package):
    model = onnx.load(precision_package / "model.int8.onnx")
    assert {item.domain for item in model.opset_import if item.domain} <= {
        "pkg.onnxscript.torch_lib"
    }
    big = [w for w in model.graph.initializer if np.prod(w.dims) >= 1000]
    floats = [w.name for w in big if w.data_type == onnx.TensorProto.FLOAT]
    assert len(floats) <= 1, floats


def test_conversions_do_not_change_the_source(narrow_model):
    source = resolve(str(narrow_model))
    before = {name: value.clone() for name, value in source.model.weights.state_dict().items()}
    runs = [(torch.from_numpy(speech())[None], torch.tensor([30_000]))]
    for convert in (to_int8, to_fp16):
        convert(build_recognizer(source), runs)
    for name, value in source.model.weights.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name]), name


def test_a_fitted_range_clips_outliers_and_contains_zero():
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    tight = fit_range(torch.cat([values, torch.tensor([12.0])]))
    assert 3 < tight.high < 12
    assert tight.low < -3
    assert -tight.zero_point * tight.scale == pytest.approx(tight.low, abs=tight.scale)
    assert fit_range(torch.zeros(3)).scale == 1.0
    assert Range(0.0, 255.0).zero_point == 0


# The quality gate


@pytest.fixture(scope="module")
def answers(precision_package):
    manifest = read_manifest(precision_package)
    return [_golden_clip(precision_package, clip, manifest.model) for clip in manifest.golden]


class FakeClock:
    """A clock that only ``TimedBackend`` advances."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr("voxport_export.parity.low_precision.time", clock)
    return clock


class TimedBackend:
    """A backend whose runs take the given seconds, over and over again."""

    runtime, provider = "fake 1", "fake"

    def __init__(self, backend, clock, *seconds):
        self._backend, self._clock, self._seconds = backend, clock, itertools.cycle(seconds)

    def run(self, waveform, lengths, outputs=OUTPUTS):
        self._clock.now += next(self._seconds)
        return self._backend.run(waveform, lengths, outputs)


class ChangedBackend:
    """A backend whose outputs are changed by a function."""

    runtime, provider = "fake 1", "fake"

    def __init__(self, backend, change):
        self._backend, self._change = backend, change

    def run(self, waveform, lengths, outputs=OUTPUTS):
        return self._change(self._backend.run(waveform, lengths, outputs))


def judge(backend, fp32, answers, **limits):
    return measure_loss(
        "model.x.onnx", backend, fp32, answers, 16_000, LowPrecisionLimits(**limits), "eager"
    )


def test_a_faster_artifact_with_equal_transcripts_passes(precision_package, answers, clock):
    backend = open_precision(precision_package, "fp32")
    gate = judge(TimedBackend(backend, clock, 0.5), TimedBackend(backend, clock, 1.0), answers)
    assert (gate.cer, gate.equal_transcripts, gate.forced) == (0.0, 1.0, False)
    assert gate.speed == pytest.approx(2.0)


def test_an_artifact_that_is_not_faster_is_refused(precision_package, answers, clock):
    backend = open_precision(precision_package, "fp32")
    slow, fp32 = TimedBackend(backend, clock, 1.0), TimedBackend(backend, clock, 0.5)
    with pytest.raises(
        LowPrecisionError, match=r"not faster than fp32 on fake: 0\.50 times as fast"
    ):
        judge(slow, fp32, answers)
    assert judge(slow, fp32, answers, force=True).forced


def test_an_artifact_with_too_many_wrong_characters_is_refused(precision_package, answers):
    def lose(output):
        texts = [f"{text[1:]}" for text in output.transcript]
        return dataclasses.replace(output, transcript=texts)

    other = ChangedBackend(open_precision(precision_package, "fp32"), lose)
    with pytest.raises(
        LowPrecisionError, match=r"of the characters are not those of fp32.*--force"
    ):
        judge(other, None, answers)
    gate = judge(other, None, answers, force=True)
    assert gate.forced
    assert gate.speed is None
    assert gate.cer == len(answers) / sum(len(one.transcript) for one in answers)
    assert not judge(other, None, answers, cer=1.0).forced


def test_emissions_of_nan_are_refused_even_with_force(precision_package, answers):
    broken = ChangedBackend(
        open_precision(precision_package, "fp32"),
        lambda o: dataclasses.replace(o, emission=o.emission * np.nan),
    )
    with pytest.raises(LowPrecisionError, match="emissions differ by nan"):
        judge(broken, None, answers, force=True)


def test_recordings_without_speech_are_refused(precision_package, answers):
    mute = [dataclasses.replace(one, transcript="") for one in answers]
    with pytest.raises(ExportError, match=r"hears no words in the recordings.*--calibrate"):
        judge(open_precision(precision_package, "fp32"), None, mute)


def test_speed_is_the_ratio_of_medians_after_a_warm_up(precision_package, clock):
    backend = open_precision(precision_package, "fp32")
    slow = TimedBackend(backend, clock, 9.0, 1.0, 1.0, 7.0, 1.0, 1.0)
    assert measure_speedup(slow, TimedBackend(backend, clock, 0.25), speech(2_000)[None]) == 4.0


@pytest.fixture
def written(precision_package, monkeypatch):
    """Let exports copy the files of ``precision_package``: tracing is most of their time."""
    artifacts = {(a.kind, a.precision): a for a in read_manifest(precision_package).artifacts}

    def copy_artifact(graph, source, folder, kind, precision="fp32"):
        shutil.copy(precision_package / artifacts[kind, precision].path, folder)
        return artifacts[kind, precision]

    monkeypatch.setattr("voxport_export.package.export.write_artifact", copy_artifact)
    monkeypatch.setattr("voxport_export.package.low_precision.write_artifact", copy_artifact)


@pytest.mark.usefixtures("written")
def test_no_package_is_written_for_a_refused_artifact(narrow_model, tmp_path, monkeypatch):
    monkeypatch.setattr("voxport_export.parity.low_precision.measure_speedup", lambda *_: 0.5)
    options = Options(formats=("onnx",), precisions=("int8",), audio=AUDIO, max_cer=1.0)
    with pytest.raises(LowPrecisionError, match=r"model\.int8\.onnx: not faster"):
        export_package(str(narrow_model), tmp_path / "package", options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("written")
def test_fp32_is_kept_when_int8_is_refused(narrow_model, tmp_path, monkeypatch):
    monkeypatch.setattr("voxport_export.parity.low_precision.measure_speedup", lambda *_: 0.5)
    folder = tmp_path / "package"
    options = Options(formats=("onnx",), precisions=("fp32", "int8"), audio=AUDIO, max_cer=1.0)
    with pytest.raises(LowPrecisionError, match=r"not faster.* holds the rest: model\.onnx$"):
        export_package(str(narrow_model), folder, options)
    assert [one.path for one in read_manifest(folder).artifacts] == ["model.onnx"]
    assert not (folder / "model.int8.onnx").exists()
    assert verify(folder).ok


@pytest.mark.usefixtures("written")
def test_int8_alone_is_judged_on_the_calibration_recordings(narrow_model, tmp_path, monkeypatch):
    monkeypatch.setattr("voxport_export.parity.low_precision.measure_speedup", lambda *_: 2.0)
    folder = tmp_path / "package"
    calibrate = (data.SAMPLES / "seven.wav",)
    options = Options(precisions=("int8",), audio=AUDIO, calibrate=calibrate, max_cer=1.0)
    manifest = export_package(str(narrow_model), folder, options)
    assert [a.path for a in manifest.artifacts] == ["model.int8.onnx"]
    assert not (folder / "model.onnx").exists()
    assert (manifest.gates[0].clips, len(manifest.golden)) == (1, 2)
    assert voxport.load(folder, provider="cpu").artifact.precision == "int8"


def test_low_precisions_need_onnx_and_a_ctc_head(narrow_model, headless_model, tmp_path):
    options = Options(formats=("torchscript",), precisions=("int8",), audio=AUDIO)
    with pytest.raises(ExportError, match="int8 is written as ONNX only"):
        export_package(str(narrow_model), tmp_path / "package", options)
    options = Options(precisions=("int8",), features=True, audio=AUDIO)
    with pytest.raises(ExportError, match="has no CTC head"):
        export_package(str(headless_model), tmp_path / "package", options)


# The runtime


def test_the_precision_chooses_the_artifact(precision_package):
    assert voxport.load(precision_package, "cpu").artifact.precision == "fp32"
    assert (
        voxport.load(precision_package, "cpu", precision="int8").artifact.path == "model.int8.onnx"
    )
    result = CliRunner().invoke(app, ["inspect", str(precision_package)])
    assert "against fp32:" in result.stdout
    assert "; forced" in result.stdout or "times as fast" in result.stdout


def test_verify_allows_the_recorded_loss(precision_package):
    report = verify(precision_package)
    assert report.ok, [check.problem for check in report.checks]
    result = CliRunner().invoke(app, ["verify", str(precision_package)])
    assert "model.int8.onnx: 2 of 2 recordings as close as was measured" in result.stdout
    assert verify(precision_package, "eager", [data.SAMPLES / "stop.flac"]).skipped == ()


def test_verify_refuses_more_than_the_recorded_loss(precision_package, monkeypatch):
    manifest = read_manifest(precision_package)
    gates = [dataclasses.replace(gate, max_emission_difference=1e-7) for gate in manifest.gates]
    monkeypatch.setattr(
        "voxport.verification.verify.read_manifest",
        lambda _: dataclasses.replace(manifest, gates=tuple(gates)),
    )
    report = verify(precision_package)
    assert {c.artifact for c in report.checks if not c.ok} == {"model.int8.onnx", "model.fp16.onnx"}
