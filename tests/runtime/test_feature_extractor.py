"""Features from packages: choice of layers, lists, packages without features or without a head."""

import dataclasses
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import voxport
from support import data
from voxport.backends.open import open_artifact
from voxport.cli import app
from voxport.errors import ArtifactUnavailableError, InferenceError, InputError
from voxport.feature_extractor import FeatureExtractor
from voxport.machine import memory
from voxport.package.integrity import file_entry
from voxport.package.manifest import KINDS
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify

SAMPLE = data.SAMPLES / "yes.flac"


def run(*args):
    return CliRunner().invoke(app, [*map(str, args)])


@pytest.fixture(params=["onnx", "torchscript"])
def extractor(request, with_features):
    return voxport.load_features(with_features, provider="cpu", artifact=request.param)


def test_layers_are_chosen_by_number(extractor):
    everything = extractor.features(SAMPLE)
    assert everything.dtype == np.float32
    assert everything.shape == (2, 62, 32)
    assert (extractor.layers, extractor.width) == (2, 32)
    second, first = extractor.features(SAMPLE, layers=[2, 1])
    assert np.array_equal(first, everything[0])
    assert np.array_equal(second, everything[1])
    assert extractor.features(SAMPLE, layers=(2,)).shape == (1, 62, 32)


@pytest.mark.parametrize(
    ("layers", "got"),
    [([0], "0"), ([3], "3"), ([1, -1], "-1"), ([], "none"), ([1.0], "1.0"), (["1"], "'1'")],
)
def test_an_unknown_layer_is_refused(extractor, layers, got):
    with pytest.raises(InputError, match=f"layers are numbered 1 to 2, got {got}$"):
        extractor.features(SAMPLE, layers=layers)


@pytest.mark.parametrize("layers", [2, "12"])
def test_layers_must_be_a_list(extractor, layers):
    with pytest.raises(InputError, match=r"expected a list of layers, as \[2\], got"):
        extractor.features(SAMPLE, layers=layers)


def test_a_list_keeps_its_order_and_is_answered_as_its_recordings_alone(with_features):
    extractor = voxport.load_features(with_features, provider="cpu", batch_seconds=1.5)
    noise = np.random.default_rng(0).uniform(-1, 1, 30_000).astype(np.float32)
    rows = [noise[:length] for length in (16_000, 0, 399, 400, 5_000, 30_000, 401)]
    for row, found in zip(rows, extractor.features(rows), strict=True):
        alone = extractor.features(row)
        assert found.shape == alone.shape
        np.testing.assert_allclose(found, alone, atol=1e-4)
    assert extractor.features(rows)[2].shape == (2, 0, 32)
    assert extractor.features([]) == []


def test_a_recognizer_gives_features_too(with_features):
    recognizer = voxport.load(with_features, provider="cpu")
    extractor = voxport.load_features(with_features, provider="cpu")
    assert np.array_equal(recognizer.features(SAMPLE), extractor.features(SAMPLE))
    both = recognizer.features([SAMPLE, SAMPLE], layers=[2])
    assert [one.shape for one in both] == [(1, 62, 32)] * 2
    assert recognizer.transcribe(SAMPLE).text


def test_transcripts_equal_those_of_a_package_without_features(exported, with_features):
    for kind in ("onnx", "torchscript"):
        one, other = (voxport.load(p, "cpu", kind) for p in (exported, with_features))
        assert one.transcribe(SAMPLE).text == other.transcribe(SAMPLE).text
        np.testing.assert_allclose(one.emission(SAMPLE), other.emission(SAMPLE), atol=1e-4)


def test_a_package_without_features_says_how_to_get_them(exported):
    with pytest.raises(ArtifactUnavailableError, match=r"gives no features; .*--features"):
        voxport.load_features(exported)
    with pytest.raises(ArtifactUnavailableError, match=r"model\.onnx: gives no features"):
        voxport.load(exported, provider="cpu").features(SAMPLE)


def test_a_model_without_a_head_has_features_and_no_text(headless, with_features):
    found = voxport.load_features(headless, "cpu", "torchscript").features(SAMPLE)
    wanted = voxport.load_features(with_features, provider="cpu").features(SAMPLE)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("command", ["transcribe", "benchmark"])
def test_commands_without_a_head_are_refused(headless, command):
    result = run(command, headless, *([SAMPLE] if command == "transcribe" else []))
    assert result.exit_code == 1
    assert "the model has no CTC head: it gives features and no text" in result.stderr
    assert not result.stdout


def test_a_recording_too_long_for_the_memory_is_refused_with_a_length_that_fits(
    with_features, monkeypatch
):
    monkeypatch.setattr(memory, "available", lambda: 1_000_000)
    whole = voxport.load_features(with_features, provider="cpu", artifact="onnx")
    inputs = [SAMPLE, np.zeros(20 * 16_000, np.float32)]
    assert len(whole.features(inputs)) == 2  # attention in blocks needs little more for more
    artifact = dataclasses.replace(whole.artifact, attention_in_blocks=False)
    backend = open_artifact(with_features, artifact, provider="cpu")
    message = r"audio\[1\]: 20 s needs more than 0\.0 GB to run at once, .* would fit"
    with pytest.raises(InferenceError, match=message):
        FeatureExtractor(whole.manifest, artifact, backend).features(inputs)


def test_repr_names_model_and_artifact(extractor):
    assert repr(extractor).startswith("<FeatureExtractor narrow model.")


def test_verify_covers_features(with_features, headless):
    report = verify(with_features, artifacts=KINDS)
    assert report.ok
    assert [check.what for check in report.checks] == ["emission", "emission", "features"] * 2
    assert run("verify", headless, "--artifact", "torchscript").stdout.endswith("verified\n")


def test_verify_compares_features_with_eager_torchaudio(with_features, headless):
    pytest.importorskip("torchaudio")
    for package, checks in ((with_features, 8), (headless, 1)):
        report = verify(package, against="eager", artifacts=KINDS)
        assert report.ok
        assert len(report.checks) == checks


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda v: v * [[[1.0]], [[1.01]]], "layer 2 differs by"),
        (lambda v: v * np.nan, "holds values that are not numbers"),
        (lambda v: v[:, 1:], "expected a numpy file of float32 in the shape [2, "),
        (lambda v: v[:1], "expected a numpy file of float32 in the shape [2, "),
    ],
)
def test_verify_finds_other_features(headless, tmp_path, spoil, problem):
    package = shutil.copytree(headless, tmp_path / "package")
    manifest = read_manifest(package)
    golden = manifest.features.golden
    path = package / golden.values.path
    np.save(path, spoil(np.load(path)).astype(np.float32))
    golden = dataclasses.replace(golden, values=file_entry(path))
    features = dataclasses.replace(manifest.features, golden=golden)
    text = dataclasses.replace(manifest, features=features).to_json()
    (package / "manifest.json").write_text(text, encoding="utf-8")
    result = run("verify", package, "--artifact", "torchscript")
    assert result.exit_code == 1
    assert problem in result.stderr


def test_inspect_shows_the_layers(with_features, headless):
    assert "2 layers of 32 channels" in run("inspect", with_features).stdout
    shown = run("inspect", headless).stdout
    assert "blank            none" in shown
    assert "every layer within" in shown
