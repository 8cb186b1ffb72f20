"""The ``.pt2`` artifact: exported, loaded again, verified and benchmarked like the others."""

import dataclasses

import numpy as np
import pytest
from typer.testing import CliRunner

import voxport
from support import data
from support.command import run as command
from voxport.backends.open import open_artifact
from voxport.backends.torchscript import ExportedProgramBackend
from voxport.cli import app
from voxport.errors import ArtifactUnavailableError, InferenceError, VoxportError
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify
from voxport_export.package.export import Options, export_package

AUDIO = (data.SAMPLES / "yes.flac", data.SAMPLES / "seven.wav")
NAME = "exported-program"


@pytest.fixture(scope="module")
def package(narrow_model, tmp_path_factory):
    """A package of ``narrow_model`` as TorchScript and as ``.pt2``; read-only."""
    folder = tmp_path_factory.mktemp("package") / "pt2"
    options = Options(formats=("torchscript", NAME), features=True, audio=AUDIO)
    export_package(str(narrow_model), folder, options)
    return folder


@pytest.fixture(scope="module")
def backends(package):
    manifest = read_manifest(package)
    return [open_artifact(package, one, "cpu", model=manifest.model) for one in manifest.artifacts]


def test_the_manifest_describes_it(package):
    manifest = read_manifest(package)
    artifact = manifest.artifacts[1]
    assert (artifact.path, artifact.kind, artifact.optional_inputs) == ("model.pt2", NAME, ())
    assert "transcript" not in [output.name for output in artifact.outputs]
    parity = manifest.parity_of(artifact)
    assert (parity.equal_transcripts, parity.clips) == (1.0, 2)
    assert manifest.feature_parity_of(artifact) is not None


@pytest.mark.parametrize("lengths", [[0], [399], [400, 0], [719, 720], [1_679, 5_000], [30_000, 1]])
def test_it_answers_as_torchscript_does(backends, lengths):
    rng = np.random.default_rng(0)
    waveform = rng.standard_normal((len(lengths), max(400, *lengths))).astype(np.float32)
    for row, samples in zip(waveform, lengths, strict=True):
        row[samples:] = np.nan
    script, program = (one.run(waveform, np.array(lengths, np.int64)) for one in backends)
    np.testing.assert_array_equal(script.emission_lengths, program.emission_lengths)
    for row, frames in enumerate(script.emission_lengths):
        difference = np.abs(script.emission[row, :frames] - program.emission[row, :frames])
        assert difference.max(initial=0) <= 1e-4 * np.abs(script.emission).max(initial=1)
    assert script.transcript == program.transcript
    for name in ("tokens", "token_lengths", "token_starts", "token_ends"):
        np.testing.assert_array_equal(getattr(script, name), getattr(program, name))


def test_its_features_are_torchscripts(backends):
    waveform = np.random.default_rng(0).standard_normal((2, 9_000)).astype(np.float32)
    lengths = np.array([9_000, 5_000])
    script, program = (one.extract(waveform, lengths, [1, 2]) for one in backends)
    np.testing.assert_array_equal(script.lengths, program.lengths)
    for first, second in zip(script.layers, program.layers, strict=True):
        np.testing.assert_allclose(first[:, : second.shape[1]], second, atol=1e-4)


def test_it_runs_only_where_it_is_named(package):
    report = verify(package)
    assert [one.artifact for one in report.skipped] == ["model.pt2"]
    assert "runs only where it is named" in report.skipped[0].reason
    assert verify(package, artifacts=[NAME]).ok
    assert voxport.load(package).artifact.kind == "torchscript"


def test_alone_in_its_package_it_is_refused_unnamed(package, monkeypatch):
    manifest = read_manifest(package)
    only = dataclasses.replace(manifest, artifacts=manifest.artifacts[1:])
    monkeypatch.setattr("voxport.loading.read_manifest", lambda _: only)
    with pytest.raises(ArtifactUnavailableError, match="runs only where it is named"):
        voxport.load(package)
    recognizer = voxport.load(package, artifact=NAME)
    assert recognizer.transcribe(AUDIO[0]).text == manifest.golden[0].transcript


def test_the_command_transcribes_with_it(package):
    expected = read_manifest(package).golden[0].transcript
    result = command("transcribe", package, AUDIO[0], "--artifact", NAME)
    assert (result.exit_code, result.stdout) == (0, f"{expected}\n"), result.output


def test_a_provider_that_it_has_not_is_refused(package):
    with pytest.raises(VoxportError, match="cpu or cuda, not on openvino"):
        voxport.load(package, provider="openvino", artifact=NAME)


def test_a_damaged_archive_is_an_error_with_its_name(package, tmp_path):
    (tmp_path / "model.pt2").write_bytes((package / "model.pt2").read_bytes()[:5_000])
    with pytest.raises(InferenceError, match=r"model\.pt2.*cannot load it"):
        ExportedProgramBackend(tmp_path / "model.pt2")


def test_the_help_says_what_torchscript_is():
    result = CliRunner().invoke(app, ["export", "--help"])
    assert "deprecated" in result.stdout
    assert NAME in result.stdout
