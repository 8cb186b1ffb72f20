import dataclasses
from pathlib import Path

import pytest

import voxport
from support import fakes
from voxport import loading
from voxport.backends.open import open_artifact
from voxport.errors import (
    ArtifactUnavailableError,
    InputError,
    IntegrityError,
    MissingDependencyError,
    PackageNotFoundError,
    UnknownModelError,
)
from voxport.package.integrity import file_entry
from voxport.package.read_manifest import read_manifest

INT8 = fakes.artifact(path="model.int8.onnx", precision="int8")
SCRIPT = fakes.artifact(path="model.ts", kind="torchscript")
FP32 = fakes.artifact()


def choose(artifacts, kind=None, precision=None):
    manifest = dataclasses.replace(fakes.manifest(), artifacts=tuple(artifacts))
    return loading.choose_artifact(Path("package"), manifest, kind, precision)


@pytest.mark.parametrize(
    ("artifacts", "kind", "precision", "chosen"),
    [
        ([INT8, SCRIPT, FP32], None, None, FP32),
        ([INT8, SCRIPT], None, None, INT8),
        ([INT8, SCRIPT, FP32], "torchscript", None, SCRIPT),
        ([INT8, SCRIPT, FP32], None, "int8", INT8),
        ([INT8, SCRIPT, FP32], "onnx", "fp32", FP32),
        ([SCRIPT], None, None, SCRIPT),
        ([INT8, SCRIPT], None, "fp32", SCRIPT),
    ],
)
def test_onnx_and_fp32_come_first(artifacts, kind, precision, chosen):
    assert choose(artifacts, kind, precision) is chosen


@pytest.mark.parametrize(
    ("artifacts", "kind", "precision", "message"),
    [
        ([FP32], "torchscript", None, "no torchscript artifact, only: fp32 onnx;"),
        ([FP32, SCRIPT], None, "int8", "no int8 artifact, only: fp32 onnx, fp32 torchscript;"),
        ([], None, None, "no artifact, only: none"),
    ],
)
def test_a_missing_artifact_lists_the_others(artifacts, kind, precision, message):
    with pytest.raises(ArtifactUnavailableError, match=f"^package: holds {message}"):
        choose(artifacts, kind, precision)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"artifact": "tflite"}, "unknown artifact 'tflite': expected onnx or torchscript"),
        ({"threads": 0}, "threads must be a whole number of 1 to 256, got 0"),
        ({"threads": 1.5}, "threads must be a whole number of 1 to 256, got 1.5"),
        ({"threads": 257}, "threads must be a whole number of 1 to 256, got 257"),
        ({"batch_seconds": 0}, "batch_seconds must be finite and more than 0"),
        ({"batch_seconds": float("inf")}, "batch_seconds must be finite and more than 0"),
        ({"batch_seconds": float("nan")}, "batch_seconds must be finite and more than 0"),
        ({"batch_seconds": "60"}, "batch_seconds must be finite and more than 0"),
        ({"provider": "gpu"}, "unknown provider"),
        ({"provider": None}, "unknown provider None"),
        ({"decoder": "beam"}, r"decoder must be a voxport\.BeamSearch, got 'beam'"),
    ],
)
def test_senseless_arguments_are_refused(exported, options, message):
    with pytest.raises(InputError, match=message):
        voxport.load(exported, **options)


FILES = ["model.onnx", "model.ts"]


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused_before_it_is_opened(package, name, monkeypatch, without):
    """With neither onnxruntime nor torch to open it, the message is still the hash's."""
    without("onnxruntime", "torch")
    content = bytearray((package / name).read_bytes())
    content[len(content) // 2] ^= 1
    (package / name).write_bytes(content)
    kind = "onnx" if name.endswith("onnx") else "torchscript"
    with pytest.raises(IntegrityError, match=rf"{name}: .*expected sha256 \w+, found sha256 \w+"):
        voxport.load(package, artifact=kind)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_artifact_file_is_named(package, name):
    (package / name).unlink()
    kind = "onnx" if name.endswith("onnx") else "torchscript"
    with pytest.raises(PackageNotFoundError, match=f"{name}: .*is missing"):
        voxport.load(package, artifact=kind)


def test_a_flipped_bit_anywhere_in_the_manifest_is_refused(package):
    path = package / "manifest.json"
    content = path.read_bytes()
    for place in range(0, len(content), len(content) // 200):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(voxport.PackageError, match=r"manifest\.json"):
            voxport.load(package, provider="cpu")


def test_external_data_is_checked(exported, tmp_path):
    (tmp_path / "model.onnx").write_bytes((exported / "model.onnx").read_bytes())
    (tmp_path / "model.onnx.data").write_bytes(b"abc")
    artifact = fakes.artifact(
        **vars(file_entry(tmp_path / "model.onnx")),
        external_data=(file_entry(tmp_path / "model.onnx.data"),),
    )
    open_artifact(tmp_path, artifact, "cpu")
    (tmp_path / "model.onnx.data").write_bytes(b"abd")
    with pytest.raises(IntegrityError, match=r"model\.onnx\.data"):
        open_artifact(tmp_path, artifact, "cpu")


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torchscript_of_a_stranger_is_never_opened_by_itself(package, without):
    """Before torch is imported; named, it goes on to the engine."""
    torch = pytest.importorskip("torch")
    torch.jit.save(torch.jit.script(torch.nn.Identity()), package / "model.ts")
    manifest = read_manifest(package)
    script = dataclasses.replace(manifest.artifacts[1], **vars(file_entry(package / "model.ts")))
    parity = tuple(item for item in manifest.parity if item.artifact == script.path)
    manifest = dataclasses.replace(manifest, artifacts=(script,), parity=parity)
    (package / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    without("torch")
    with pytest.raises(
        ArtifactUnavailableError, match=r"model\.ts: .* runs only where it is named: artifact="
    ):
        voxport.load(package)
    with pytest.raises(MissingDependencyError, match="needs torch"):
        voxport.load(package, artifact="torchscript")


def test_torchscript_without_torch_recommends_onnx(exported, without):
    without("torch")
    with pytest.raises(MissingDependencyError, match=r"needs torch .*artifact='onnx'"):
        voxport.load(exported, artifact="torchscript")


def test_a_missing_package_is_an_error(tmp_path):
    with pytest.raises(PackageNotFoundError, match=r"there is no manifest\.json"):
        voxport.load(tmp_path)
    with pytest.raises(UnknownModelError):
        voxport.load("no-such-model")
