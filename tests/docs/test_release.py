"""Release hygiene: the same wheel twice, its bill of materials, what the workflow relies on."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

import voxport
from support.data import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"


def copy_sources(folder, modified):
    """Copy the tracked files, with another time of modification and other permissions."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout
    if not listed:
        pytest.skip("no git checkout")
    names = [os.fsdecode(name) for name in listed.split(b"\0") if name]
    for name in names if modified % 2 else reversed(names):  # their order in the folder differs
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o600 if modified % 2 else 0o664)
            os.utime(target, (modified, modified))
    return folder


def build(sources, output, timezone):
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(output)],
        cwd=sources,
        env={**environment, "TZ": timezone},
        check=True,
        capture_output=True,
    )
    return next(output.glob("*.whl"))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    pytest.importorskip("hatchling")
    space = tmp_path_factory.mktemp("wheels")
    return [
        build(copy_sources(space / f"sources-{n}", n), space / f"dist-{n}", zone)
        for n, zone in ((1_600_000_001, "UTC"), (1_700_000_000, "Asia/Tokyo"))
    ]


@pytest.fixture(scope="module")
def bill(wheels):
    command = [sys.executable, str(ROOT / ".ci" / "sbom"), str(wheels[0])]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_a_wheel_has_the_same_bytes_from_every_copy_of_the_sources(wheels):
    one, other = (hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels)
    assert one == other


def test_the_bill_of_materials_is_valid_cyclonedx(bill):
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(bill.decode()) is None
    assert validator.validate_str(bill.decode().replace('"library"', '"nothing"')) is not None


def test_the_bill_names_every_file_with_its_hash(bill, wheels):
    main = json.loads(bill)["metadata"]["component"]
    assert main["hashes"][0]["content"] == hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    named = {
        file["name"]: file["hashes"][0]["content"]
        for part in main["components"]
        for file in part["components"]
    }
    with zipfile.ZipFile(wheels[0]) as archive:
        assert named == {
            name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()
        }


def test_the_bill_gives_the_models_their_own_licence(bill):
    parts = {one["name"]: one for one in json.loads(bill)["metadata"]["component"]["components"]}
    licences = {name: one["licenses"][0]["license"]["id"] for name, one in parts.items()}
    assert licences == {
        "metadata": "Apache-2.0",
        "voxport": "Apache-2.0",
        "voxport_export": "Apache-2.0",
        "voxport/packages/commands": "CC-BY-SA-4.0",
        "voxport_export/models/commands": "CC-BY-SA-4.0",
    }


def test_the_bill_tells_required_from_optional_dependencies(bill):
    asked = {one["name"]: one["scope"] for one in json.loads(bill)["components"]}
    required = {name for name, scope in asked.items() if scope == "required"}
    assert required == {"numpy", "soundfile", "typer"}
    assert asked["onnxruntime"] == asked["torch"] == "optional"


def test_the_bill_of_one_wheel_is_the_same_twice(bill, wheels):
    command = [sys.executable, str(ROOT / ".ci" / "sbom"), str(wheels[1])]
    assert subprocess.run(command, check=True, capture_output=True).stdout == bill


def test_the_workflow_publishes_without_a_token_and_attests():
    text = WORKFLOW.read_text("utf-8")
    assert "password:" not in text
    assert "secrets." not in text
    assert text.count("id-token: write") == 2
    for used in ("gh-action-pypi-publish", "attest-build-provenance", "attest-sbom"):
        assert used in text
    line = f'__version__ = "{voxport.__version__}"'
    assert line in (ROOT / "runtime" / "voxport" / "__init__.py").read_text("utf-8")
