"""``verify``: whole packages, damaged ones, other answers, references."""

import dataclasses
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from typer.testing import CliRunner

from support import data
from voxport.cli import app
from voxport.errors import (
    InferenceError,
    InputError,
    MissingDependencyError,
    VerificationError,
)
from voxport.package.integrity import file_entry
from voxport.package.manifest import KINDS
from voxport.package.read_manifest import read_manifest
from voxport.verification import references
from voxport.verification.verify import verify

ALL = ("--artifact", "onnx", "--artifact", "torchscript")
# A header that promises an exabyte, in a file of a few bytes.
HEADER = b"\x93NUMPY\x01\x00\x76\x00" + (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976,), }".ljust(117)
    + b"\n"
)
FILES = ["model.onnx", "model.ts", "golden-0.wav", "golden-1.npy", "README.md"]


def run(*args):
    return CliRunner().invoke(app, ["verify", *map(str, args)])


def rewrite(package, **changes):
    """The manifest with other content, and the right hash."""
    manifest = dataclasses.replace(read_manifest(package), **changes)
    (package / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")


def test_a_whole_package_verifies(exported):
    report = verify(exported, artifacts=KINDS)
    assert report.ok
    assert [check.artifact for check in report.checks] == ["model.onnx"] * 2 + ["model.ts"] * 2
    assert report.skipped == report.damaged == report.unlisted == ()
    result = run(exported, *ALL)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "model.onnx: 2 of 2 recordings equal" in result.stdout
    assert result.stdout.endswith("verified\n")


def test_kinds_are_run_as_they_are_named(exported):
    report = verify(exported)
    assert [check.artifact for check in report.checks] == ["model.onnx"] * 2 + ["model.ts"] * 2
    report = verify(exported, artifacts=["onnx"])
    assert [check.artifact for check in report.checks] == ["model.onnx"] * 2
    assert [item.reason for item in report.skipped] == ["only onnx was asked for"]
    report = verify(exported, artifacts=["torchscript"])
    assert [check.artifact for check in report.checks] == ["model.ts"] * 2
    with pytest.raises(InputError, match="unknown artifact 'tflite'"):
        verify(exported, artifacts=["tflite"])


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torchscript_of_a_stranger_is_left_out_unless_it_is_named(package):
    torch = pytest.importorskip("torch")
    torch.jit.save(torch.jit.script(torch.nn.Identity()), package / "model.ts")
    artifacts = [
        dataclasses.replace(item, **vars(file_entry(package / item.path)))
        if item.path == "model.ts"
        else item
        for item in read_manifest(package).artifacts
    ]
    rewrite(package, artifacts=tuple(artifacts))
    report = verify(package)
    assert report.ok
    assert [check.artifact for check in report.checks] == ["model.onnx"] * 2
    assert [item.artifact for item in report.skipped] == ["model.ts"]
    assert "a TorchScript file is a program" in report.skipped[0].reason
    assert "--artifact torchscript" in report.skipped[0].reason
    assert "model.ts: skipped: has the member" in run(package).stdout
    with pytest.raises(InferenceError):  # named, it runs: and is no recognizer
        verify(package, artifacts=["torchscript"])


def test_without_torch_torchscript_is_skipped(exported, without):
    without("torch", "torchaudio", "voxport_export")
    report = verify(exported, artifacts=KINDS)
    assert report.ok
    assert [(item.artifact, "torch" in item.reason) for item in report.skipped] == [
        ("model.ts", True)
    ]
    result = run(exported, *ALL)
    assert result.exit_code == 0
    assert "model.ts: skipped: the artifact needs torch" in result.stdout


def test_no_engine_at_all_is_an_error(exported, without):
    without("torch", "onnxruntime")
    result = run(exported, *ALL)
    assert result.exit_code == 1
    assert result.stderr.startswith("voxport: error: no artifact can run here: running an ONNX")
    assert "voxport[cpu]" in result.stderr
    assert "pip install torch" in result.stderr


def test_a_package_without_an_artifact_for_the_provider_is_an_error(headless):
    result = run(headless, "--provider", "openvino")
    assert result.exit_code == 1
    assert "model.ts: skipped: a TorchScript artifact runs on cpu or cuda" in result.stdout
    assert result.stderr.startswith("voxport: error: no artifact can run here: a TorchScript")


def test_long_names_are_shortened_visibly(exported, tmp_path):
    pytest.importorskip("torchaudio")
    path = tmp_path / f"{'long-' * 20}yes.flac"
    path.write_bytes((data.SAMPLES / "yes.flac").read_bytes())
    result = run(exported, "--against", "eager", "--audio", path)
    assert f"  …{str(path)[-39:]}  equal" in result.stdout


@pytest.mark.parametrize("what", ["pathlib.Path.iterdir", "voxport.package.integrity.open_regular"])
def test_files_without_permission_are_errors_of_ours(exported, monkeypatch, what):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    manifest = read_manifest(exported)
    monkeypatch.setattr("voxport.verification.verify.find_package", lambda _: exported)
    monkeypatch.setattr("voxport.verification.verify.read_manifest", lambda _: manifest)
    monkeypatch.setattr(what, refuse)
    result = run(exported)
    assert result.exit_code == 1
    assert "cannot be read: Permission denied" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_in_any_file_is_found(package, name):
    content = bytearray((package / name).read_bytes())
    content[len(content) // 2] ^= 1
    (package / name).write_bytes(content)
    report = verify(package)
    assert not report.ok
    assert not report.checks  # nothing is opened
    assert [name in message for message in report.damaged] == [True]
    result = run(package)
    assert result.exit_code == 1
    assert f"{name}: not the file that the manifest records" in result.stderr


def test_several_bad_files_are_all_named(package):
    (package / "model.ts").unlink()
    (package / "README.md").write_text("other")
    assert len(verify(package).damaged) == 2


def test_a_file_that_is_not_listed_is_a_warning(package):
    (package / "notes.txt").touch()
    result = run(package)
    assert result.exit_code == 0
    assert "warning: notes.txt is not listed in the manifest" in result.stderr


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"transcript": "SOMETHING ELSE"}, "the transcript: expected 'SOMETHING ELSE', got "),
        ({"tokens": (1, 2, 3)}, "tokens: expected (1, 2, 3), got "),
        ({"token_starts": ()}, "token starts: expected (), got "),
        ({"token_ends": ()}, "token ends: expected (), got "),
    ],
)
def test_another_answer_is_reported(package, changes, problem):
    golden = read_manifest(package).golden
    rewrite(package, golden=(dataclasses.replace(golden[0], **changes), *golden[1:]))
    result = run(package)
    assert result.exit_code == 1
    assert f"model.onnx: golden-0.wav: {problem}" in result.stderr
    assert "model.onnx: 1 of 2 recordings equal" in result.stdout


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda e: e + 0.01 * np.abs(e).max(), "emissions differ by"),
        (lambda e: e.astype(np.float64), "expected a numpy file of float32 in the shape ["),
        (lambda e: e.astype(">f4"), "expected a numpy file of float32 in the shape ["),
        (lambda e: e * np.nan, "golden-0.npy: holds values that are not numbers"),
        (lambda e: e[:-1], "expected a numpy file of float32 in the shape ["),
        (lambda e: e.ravel(), "expected a numpy file of float32 in the shape ["),
        (lambda e: np.array([{}]), "expected a numpy file of float32 in the shape ["),
        (lambda e: np.zeros((10**5, 10**3), np.float32), "got 400000128 bytes"),
        (HEADER, "expected a numpy file of float32 in the shape ["),
        (b"", "expected a numpy file of float32 in the shape ["),
        (b"PK\x03\x04", "expected a numpy file of float32 in the shape ["),
        (b"\x93NUMPY\x01\x00\xff\xff{" + b"(" * 9000, "expected a numpy file of float32"),
    ],
)
def test_other_emissions_are_reported(package, spoil, problem):
    from voxport.package.integrity import file_entry

    golden = read_manifest(package).golden
    path = package / golden[0].emission.path
    if isinstance(spoil, bytes):
        path.write_bytes(spoil)
    else:
        np.save(path, spoil(np.load(path)))
    changed = dataclasses.replace(golden[0], emission=file_entry(path))
    rewrite(package, golden=(changed, *golden[1:]))
    report = verify(package)
    assert not report.ok
    found = [*report.damaged, *(str(check.problem) for check in report.checks)]
    assert problem in found[0]


def test_a_golden_recording_of_another_kind_is_reported(package):
    from voxport.package.integrity import file_entry

    golden = read_manifest(package).golden
    path = package / golden[0].path
    right = path.read_bytes()
    for content, problem in (
        (b"\x1f\x8b" + right, "must be a wav file"),
        (right[:20] + b"\x11\x00" + right[22:], "golden recording"),
        (
            right[:24] + (48_000).to_bytes(4, "little") + right[28:],
            "at 16000 Hz, got 1 channel of 16 bits at 48000 Hz",
        ),
        (right[:30], "must be a wav file"),
        (right[:-2], "is cut"),
    ):
        path.write_bytes(content)
        changed = dataclasses.replace(golden[0], **vars(file_entry(path)))
        rewrite(package, golden=(changed, *golden[1:]))
        report = verify(package)
        assert not report.ok
        assert problem in report.damaged[0]


def test_a_package_without_golden_clips_needs_a_reference(package):
    rewrite(package, golden=())
    result = run(package)
    assert result.exit_code == 1
    assert "holds no golden clips" in result.stderr


# --against


def offer(monkeypatch, value):
    point = EntryPoint("other", value, references.GROUP)
    monkeypatch.setattr(references, "entry_points", lambda group: [point])


def test_eager_agrees_on_golden_clips(exported):
    pytest.importorskip("torchaudio")
    result = run(exported, "--against", "eager", *ALL)
    assert result.exit_code == 0, result.output
    assert "model.ts: 2 of 2 recordings equal" in result.stdout


def test_eager_agrees_on_given_recordings(exported):
    pytest.importorskip("torchaudio")
    audio = data.SAMPLES / "go-up.ogg"
    result = run(exported, "--against", "eager", "--audio", audio, "--audio", data.SAMPLES)
    assert result.exit_code == 0, result.output
    assert "go-up.ogg" in result.stdout


@data.needs_data
def test_eager_agrees_on_real_speech(exported):
    pytest.importorskip("torchaudio")
    report = verify(exported, "eager", data.real_speech())
    assert report.ok, [check.problem for check in report.checks]


def test_an_unknown_reference_lists_the_known_ones(exported):
    with pytest.raises(VerificationError, match="unknown reference 'kaldi': installed here: "):
        verify(exported, "kaldi")


def test_a_reference_without_its_packages_names_the_install_command(exported, monkeypatch):
    offer(monkeypatch, "no_such_module:answer")
    with pytest.raises(MissingDependencyError, match=r'pip install "voxport\[export,cpu\]"'):
        verify(exported, "other")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--audio", "a.wav"], 2, "--audio needs --against"),
        (["--against", "eager", "--audio", "no-recordings"], 2, "no audio files in"),
        (["--against", "eager", "--audio", "missing.wav"], 1, "there is no such file"),
        (["--provider", "gpu"], 2, "unknown provider"),
    ],
)
def test_wrong_arguments_are_refused(exported, args, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no-recordings").mkdir()
    result = run(exported, *args)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
