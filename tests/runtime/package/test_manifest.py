import dataclasses
import hashlib
import importlib.resources
import json
import os

import pytest

from support import fakes
from voxport.errors import LaterVersionError, ManifestError, PackageError, PackageNotFoundError
from voxport.package.manifest import (
    FeatureInfo,
    FeatureParity,
    FileEntry,
    GoldenClip,
    GoldenFeatures,
    Manifest,
    Parity,
    TensorSpec,
)
from voxport.package.read_manifest import parse_manifest, read_manifest

SHA = "ab" * 32
PARITY = Parity(
    "model.onnx", "eager", "onnxruntime 1", "CPUExecutionProvider", 2, 1.5, 1e-6, 1e-4, 1.0, 0.0
)
FULL = Manifest(
    created_by={"voxport": "0.1.0"},
    model=fakes.model(word_delimiter=None, labels=("-", "É", "\U0001d11e")),
    artifacts=(
        fakes.artifact(
            inputs=(TensorSpec("waveform", "float32", ("batch", "samples")),),
            outputs=(TensorSpec("emission", "float32", ("batch", "frames", 3)),),
            external_data=(FileEntry("model.onnx.data", 5, SHA),),
        ),
    ),
    parity=(PARITY,),
    golden=(
        GoldenClip(
            path="golden-0.wav",
            bytes=44,
            sha256=SHA,
            seconds=0.5,
            transcript="É",
            tokens=(1,),
            token_starts=(0,),
            token_ends=(1,),
            frames=1,
            emission=FileEntry("golden-0.npy", 12, SHA),
        ),
    ),
    files=(FileEntry("README.md", 0, SHA),),
)


FEATURES = FeatureInfo(
    layers=2,
    width=8,
    golden=GoldenFeatures("f.wav", 44, SHA, 0.5, 1, FileEntry("f.npy", 12, SHA)),
    parity=(FeatureParity("model.onnx", "eager", "onnxruntime 1", "cpu", 2, 1.5, 1e-6, 1e-4),),
)
LAYERS = tuple(TensorSpec(f"features_{n}", "float32", ("batch", "frames", 8)) for n in (1, 2))
HEADLESS = Manifest(
    created_by={},
    model=fakes.model(labels=(), word_delimiter=None, emission="none"),
    artifacts=(fakes.artifact(outputs=LAYERS),),
    features=FEATURES,
)


def document(**changes) -> dict:
    return json.loads(FULL.to_json()) | changes


def signed(content: dict) -> bytes:
    """Return the bytes of a manifest with the right hash."""
    text = json.dumps(content | {"sha256": "0" * 64})
    return text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


def test_a_written_manifest_is_read_back_equal(tmp_path):
    (tmp_path / "manifest.json").write_text(FULL.to_json(), encoding="utf-8")
    assert read_manifest(tmp_path) == FULL


def test_the_published_layout_and_hash():
    """The layout is published: other languages compute the same hash."""
    text = FULL.to_json()
    found = json.loads(text)["sha256"]
    assert hashlib.sha256(text.replace(found, "0" * 64).encode()).hexdigest() == found
    assert text.startswith('{\n "format": "voxport",\n "version": 1,\n "sha256": "')
    assert list(json.loads(text)) == [
        "format",
        "version",
        "sha256",
        "created_by",
        "model",
        "artifacts",
        "parity",
        "golden",
        "files",
    ]


def test_a_manifest_without_a_ctc_head_is_read_back_equal():
    """It is version 2, which older readers refuse: they would expect a head."""
    text = HEADLESS.to_json()
    assert parse_manifest(text.encode()) == HEADLESS
    assert json.loads(text)["version"] == 2
    assert json.loads(FULL.to_json())["version"] == 1
    schema_validator().validate(json.loads(text))
    assert [entry.path for entry in HEADLESS.entries()] == ["model.onnx", "f.wav", "f.npy"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": None}, "gives features of 2 layers, the manifest lists none"),
        (
            {"features": dataclasses.replace(FEATURES, layers=3)},
            "gives features of 2 layers, the manifest lists 3 of width 8",
        ),
        ({"features": dataclasses.replace(FEATURES, width=9)}, "lists 2 of width 9"),
        ({"model": fakes.model(emission="none")}, "model.emission is 'none' of 5 labels"),
    ],
)
def test_features_that_contradict_the_manifest_are_refused(changes, message):
    text = dataclasses.replace(HEADLESS, **changes).to_json()
    with pytest.raises(ManifestError, match=message):
        parse_manifest(text.encode())


def test_another_json_layout_and_unknown_fields_are_accepted():
    assert parse_manifest(signed(document(added_later={"x": 1}))) == FULL


def schema_validator():
    jsonschema = pytest.importorskip("jsonschema")
    path = importlib.resources.files("voxport") / "manifest.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_schema_accepts_written_manifests(exported):
    validator = schema_validator()
    validator.validate(document())
    validator.validate(json.loads((exported / "manifest.json").read_bytes()))


def change(path: str, value: object) -> dict:
    """Return the document with one field, "a.b.0.c", set, or removed for the value `...`."""
    content = document()
    *parents, last = path.split(".")
    place = content
    for part in parents:
        place = place[int(part) if part.isdigit() else part]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return content


BROKEN = [
    ("model", ..., "'model' is missing"),
    ("model", [], "model must be an object"),
    ("model.labels", "abc", "model.labels must be a list"),
    ("model.labels.1", 3, r"model.labels\[1\] must be a string"),
    ("model.blank", -1, "model.blank must be a whole number"),
    ("model.blank", True, "model.blank must be a whole number"),
    ("model.blank", 3, "model.blank is 3 of 3 labels"),
    ("model.word_delimiter", "|", "word_delimiter '|' is not a label"),
    ("model.sample_rate", 0, "model.sample_rate must be a whole number of at least 1000"),
    ("model.normalize_waveform", 0, "model.normalize_waveform must be true or false"),
    ("model.emission", "probabilities", "model.emission must be 'logits' or 'log_probs' or"),
    ("artifacts.0.kind", "tflite", r"artifacts\[0\].kind must be 'onnx' or 'torchscript'"),
    ("artifacts.0.bytes", 1.5, r"artifacts\[0\].bytes must be a whole number"),
    ("artifacts.0.sha256", "AB" * 32, r"artifacts\[0\].sha256 must be 64 lower-case hex"),
    ("artifacts.0.outputs.0.shape.0", -3, r"outputs\[0\].shape\[0\]"),
    ("parity.0.cer", "0", r"parity\[0\].cer must be a finite number"),
    ("artifacts.0.outputs.0.shape.2", 5, r"gives an emission of \['batch', 'frames', 5\] for 3"),
    ("parity.0.artifact", "other.onnx", "parity names 'other.onnx', which is not an artifact"),
    ("artifacts.0.path", "../model.onnx", "must be a plain file name"),
    ("artifacts.0.path", "/etc/passwd", "must be a plain file name"),
    ("artifacts.0.path", "..", "must be a plain file name"),
    ("artifacts.0.path", "", "must be a plain file name"),
    ("artifacts.0.path", "C:model.onnx", "must be a plain file name"),
    ("artifacts.0.path", "a\\b", "must be a plain file name"),
    ("artifacts.0.path", "a\x1b[2Jb", "must be a plain file name"),
    ("artifacts.0.path", "a" * 201, "must be a plain file name"),
    ("artifacts.0.bytes", 2**60, "must be a whole number of at most 9007199254740992"),
    ("model.name", "..", "model.name must be a name without"),
    ("model.name", "a/../b", "model.name must be a name without"),
    ("model.name", "", "model.name must be a name without"),
    ("model.name", "a\x1b]0;x\x07", "model.name must be a name without"),
    ("model.sample_rate", 1, "model.sample_rate must be a whole number of at least 1000"),
    ("model.sample_rate", 2**31, "sample_rate must be a whole number of at most 1000000"),
    ("model.receptive_field", 2**31, "receptive_field must be a whole number of at most 1048576"),
    ("model.frame_stride", 0, "frame_stride must be a whole number of at least 1"),
    ("model.frame_stride", 2**40, "frame_stride must be a whole number of at most 1048576"),
    ("golden.0.seconds", 10**400, "not JSON: a number of 401 digits"),
    ("golden.0.seconds", 1e300, "seconds must be a number of at most 9007199254740992"),
    ("golden.0.tokens", [2**60], r"tokens\[0\] must be a whole number of at most"),
    ("artifacts.0.external_data.0.path", "x/y", r"external_data\[0\].path must be a plain"),
    ("golden.0.emission.path", "x/y", r"golden\[0\].emission.path must be a plain"),
    ("files.0.path", "manifest.json", "'manifest.json' is listed twice"),
    ("files.0.path", "model.onnx", "'model.onnx' is listed twice"),
    ("created_by.voxport", 1, "created_by.voxport must be a string"),
    ("artifacts.0.attention_in_blocks", 1, r"attention_in_blocks must be true or false"),
    ("golden.0.tokens", [1, "x"], r"golden\[0\].tokens\[1\] must be a whole number"),
]


@pytest.mark.parametrize("value", [True, False, ...])
def test_attention_in_blocks_is_optional(value):
    content = change("artifacts.0.attention_in_blocks", value)
    assert parse_manifest(signed(content)).artifacts[0].attention_in_blocks == (value is True)


@pytest.mark.parametrize(("path", "value", "message"), BROKEN)
def test_a_broken_field_is_named(path, value, message):
    with pytest.raises(ManifestError, match=message):
        parse_manifest(signed(change(path, value)))


# Rules between fields, which JSON Schema cannot express.
ACROSS = (
    "model.blank is",
    "is not a label",
    "is not an artifact",
    "gives an emission",
    "listed twice",
)


@pytest.mark.parametrize(
    ("path", "value"),
    [row[:2] for row in BROKEN if not any(part in row[2] for part in ACROSS)],
)
def test_the_schema_refuses_the_same_fields(path, value):
    assert not schema_validator().is_valid(change(path, value))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"1" * 100_000, "not JSON: a number of 100000 digits"),
        (b"[NaN]", "not JSON: NaN is no number"),
        (b"[-Infinity]", "not JSON: -Infinity is no number"),
        (b"[]", "the document must be an object"),
        (b"{}", "not a voxport manifest: format is None"),
        (signed(document(format="safetensors")), "format is 'safetensors'"),
        (signed(document(version="1")), "version must be a whole number"),
        (json.dumps(document()).encode().replace(b"CC0", b"CC1"), "changed since it was written"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(raw, message):
    with pytest.raises(ManifestError, match=message):
        parse_manifest(raw)


def test_a_later_version_says_how_to_upgrade():
    """Its other fields may mean anything by then: only the version is looked at."""
    with pytest.raises(LaterVersionError, match=r"pip install -U voxport"):
        parse_manifest(b'{"format": "voxport", "version": 4}')


def test_half_a_surrogate_pair_is_no_text():
    """JSON can spell it; printing it is a UnicodeEncodeError."""
    with pytest.raises(ManifestError, match=r"model\.labels\[1\] must be Unicode text"):
        parse_manifest(signed(change("model.labels.1", "\ud800")))


def test_a_manifest_of_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(ManifestError, match="is larger than 4 MB"):
        read_manifest(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_a_manifest_that_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(PackageError, match="is no regular file"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").symlink_to("/dev/zero")
    with pytest.raises(PackageError, match="is no regular file"):
        read_manifest(tmp_path)


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(PackageNotFoundError, match=r"there is no manifest\.json in it"):
        read_manifest(tmp_path)


def test_the_message_names_the_manifest_file(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ManifestError, match=str(tmp_path / "manifest.json")):
        read_manifest(tmp_path)


def test_entries_list_every_file():
    assert [entry.path for entry in FULL.entries()] == [
        "model.onnx",
        "model.onnx.data",
        "golden-0.wav",
        "golden-0.npy",
        "README.md",
    ]
