"""The promise of compatibility: packages written by every released version open and answer.

Each is the package of a tiny seeded model, kept as a zip file. A new version adds its own with
tests/support/tiny_package.py; none is ever changed.
"""

import json
import zipfile
from pathlib import Path

import pytest

import voxport
from support.data import SAMPLES
from voxport.package.read_manifest import parse_manifest, read_manifest

RELEASED = Path(__file__).with_name("released")
VERSIONS = sorted(path.stem for path in RELEASED.glob("*.zip"))
MAX_BYTES = 200_000


@pytest.fixture(params=VERSIONS)
def package(request, tmp_path):
    with zipfile.ZipFile(RELEASED / f"{request.param}.zip") as archive:
        archive.extractall(tmp_path / "package")
    return tmp_path / "package"


def test_this_version_has_a_package():
    assert voxport.__version__ in VERSIONS, (
        f"run tests/support/tiny_package.py for {voxport.__version__}, and never change the others"
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_package_is_small_and_of_its_version(version):
    path = RELEASED / f"{version}.zip"
    assert path.stat().st_size < MAX_BYTES
    with zipfile.ZipFile(path) as archive:
        manifest = parse_manifest(archive.read("manifest.json"))
    assert manifest.created_by["voxport"] == version


def test_it_verifies(package):
    report = voxport.verify(package, provider="cpu", artifacts=["onnx"])
    assert report.ok
    assert report.unlisted == ()
    assert len(report.checks) > 0


def test_it_gives_the_recorded_transcript(package):
    golden = read_manifest(package).golden[0]
    assert len(golden.transcript) > 3
    transcript = voxport.load(package, "cpu").transcribe(package / golden.path)
    assert transcript.text == golden.transcript
    assert [token.text for token in transcript.tokens] == list(golden.transcript)
    assert voxport.load(package, "cpu").transcribe(SAMPLES / "yes.flac").text == golden.transcript


def test_its_torchscript_gives_the_same(package):
    pytest.importorskip("torch")
    golden = read_manifest(package).golden[0]
    recognizer = voxport.load(package, "cpu", artifact="torchscript")
    assert recognizer.transcribe(package / golden.path).text == golden.transcript


def test_its_manifest_fits_the_published_schema(package):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(voxport.__file__).parent / "manifest.schema.json").read_bytes())
    jsonschema.validate(json.loads((package / "manifest.json").read_bytes()), schema)


@pytest.mark.parametrize("path", sorted(RELEASED.glob("*.json")), ids=lambda path: path.stem)
def test_the_manifest_of_the_shipped_model_is_read(path):
    """With gates of low precisions, which the tiny models have not."""
    manifest = parse_manifest(path.read_bytes())
    assert [one.path for one in manifest.artifacts][:2] == ["model.onnx", "model.int8.onnx"]
    assert manifest.gates[0].artifact == "model.int8.onnx"
    assert manifest.model.labels[:3] == ("-", "|", "E")
    assert len(manifest.golden) == 10
