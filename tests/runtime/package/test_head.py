"""The head of a manifest: written, read again, and refused where it does not fit the model."""

import dataclasses
import importlib.resources
import json

import pytest

from support import fake_tasks, fakes
from voxport.errors import ManifestError
from voxport.package.manifest import (
    CLASSIFICATION,
    EMBEDDING,
    FRAMES,
    FileEntry,
    GoldenAnswer,
    HeadParity,
)
from voxport.package.read_manifest import parse_manifest

HASH = "0" * 63 + "1"


def parity(**changes):
    fields = {
        "artifact": "model.onnx",
        "reference": "eager transformers 5",
        "against": "onnxruntime 1",
        "provider": "CPUExecutionProvider",
        "clips": 1,
        "seconds": 1.0,
        "max_difference": 1e-6,
        "tolerance": 1e-4,
        "equal_labels": 1.0,
    }
    return HeadParity(**(fields | changes))


def golden(**changes):
    fields = {
        "path": "golden-0.wav",
        "bytes": 1,
        "sha256": HASH,
        "seconds": 1.0,
        "label": "low",
        "values": FileEntry("golden-0.npy", 1, HASH),
    }
    return GoldenAnswer(**(fields | changes))


def parse(manifest):
    return parse_manifest(manifest.to_json().encode())


@pytest.mark.parametrize("task", [CLASSIFICATION, EMBEDDING, FRAMES])
def test_a_manifest_of_each_task_is_read_as_written(task):
    clip = {
        CLASSIFICATION: golden(),
        EMBEDDING: golden(label=None),
        FRAMES: golden(label=None, frames=7),
    }[task]
    manifest = fake_tasks.manifest(task, head={"golden": (clip,), "parity": (parity(),)})
    document = json.loads(manifest.to_json())
    schema = importlib.resources.files("voxport") / "manifest.schema.json"
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(json.loads(schema.read_text("utf-8"))).validate(document)
    assert (document["version"], document["model"]["task"]) == (3, task)
    read = parse(manifest)
    assert read == manifest
    assert not read.model.transcribes
    assert [entry.path for entry in read.entries()][1:] == ["golden-0.wav", "golden-0.npy"]
    assert read.head_parity_of(read.artifacts[0]) == parity()


def test_a_manifest_of_transcription_names_no_task():
    document = json.loads(fakes.manifest().to_json())
    assert document["version"] == 1
    assert "head" not in document
    assert "task" not in document["model"]


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (fakes.manifest(task=CLASSIFICATION, emission="none"), "there is no head"),
        (fake_tasks.manifest(labels=()), "with 0 labels"),
        (fake_tasks.manifest(EMBEDDING, labels=("a", "b", "c")), "with 3 labels"),
        (fake_tasks.manifest(head={"activation": "none"}), "head.activation is 'none'"),
        (fake_tasks.manifest(head={"width": 4}), "head.width is 4 of 3 labels"),
        (fake_tasks.manifest(head={"golden": (golden(label="x"),)}), "'x' is not a label"),
        (fake_tasks.manifest(head={"golden": (golden(frames=2),)}), "has 2 frames"),
        (fake_tasks.manifest(head={"parity": (parity(artifact="x.onnx"),)}), "not an artifact"),
        (fake_tasks.manifest(head={"least_samples": 0}), "least_samples"),
        (fake_tasks.manifest(task="classification", emission="logits"), "emission"),
        (fake_tasks.manifest(EMBEDDING, head={"width": 5}), "head.width is 5"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(manifest, message):
    with pytest.raises(ManifestError, match=message):
        parse(manifest)


def test_a_head_of_a_model_for_transcription_is_refused():
    head = fake_tasks.manifest().head
    with pytest.raises(ManifestError, match="there is a head"):
        parse(dataclasses.replace(fakes.manifest(), head=head))
