"""Every CTC bundle, exported and loaded again, against its own unmodified ``get_model()``.

Narrow copies of each shape in both formats by default, and real size for the base model; the other
bundles, and real size for every other shape, under ``-m slow``. All on real speech if there is any.
"""

import dataclasses
import gc

import numpy as np
import pytest
import torch
import torchaudio

import voxport
from support import data, seeded
from support.resampled import read_for_torchaudio
from voxport.verification.verify import verify
from voxport_export.package.export import Options, export_package
from voxport_export.sources import bundle

NAMES = sorted(bundle.bundles())
BASE = "WAV2VEC2_ASR_BASE_960H"


def shape_of(name):
    """Return a model's structure without its weights: 11 of the 17 bundles differ in it."""
    found = bundle.bundles()[name]
    labels = found.get_labels(star=None) if name == "MMS_FA" else found.get_labels()
    structure = {k: v for k, v in found._params.items() if "drop" not in k}
    return repr((sorted(structure.items()), labels, found._normalize_waveform))


# The last name of each shape, the one that is tested at real size by default left out
OTHERS = sorted(
    {shape_of(name): name for name in NAMES if shape_of(name) != shape_of(BASE)}.values()
)


def eager(name):
    """The bundle as its users load it; MMS_FA without its star, as greedy decoding wants it."""
    found = getattr(torchaudio.pipelines, name)
    model = found.get_model(with_star=False) if name == "MMS_FA" else found.get_model()
    labels = found.get_labels(star=None) if name == "MMS_FA" else found.get_labels()
    return model, labels


def decode(emission, labels):
    indices = torch.unique_consecutive(emission.argmax(dim=-1))
    return "".join(labels[i] for i in indices if i != 0).replace("|", " ")


@torch.no_grad()
def check(name, package, recordings):
    """Compare each artifact, loaded by the runtime, with eager torchaudio."""
    model, labels = eager(name)
    waveforms = [read_for_torchaudio(path) for path in recordings]
    expected = [model(waveform[None])[0][0] for waveform in waveforms]
    del model
    gc.collect()
    spoken = [decode(emission, labels) for emission in expected]
    # Seeded weights favour the blank: not every recording has a text.
    assert any(len(set(text)) > 1 for text in spoken), "the weights decide nothing"
    for artifact in ("onnx", "torchscript"):
        recognizer = voxport.load(package, provider="cpu", artifact=artifact)
        texts = recognizer.transcribe([w.numpy() for w in waveforms], sample_rate=16_000)
        assert [t.text for t in texts] == spoken
        for waveform, emission in zip(waveforms, expected, strict=True):
            found = recognizer.emission(waveform.numpy(), sample_rate=16_000)
            bound = 1e-4 * max(1.0, float(emission.abs().max()))
            assert found.shape == emission.shape
            assert float(np.abs(found - emission.numpy()).max()) <= bound
        del recognizer
        gc.collect()


# Six bundles have the structure and the labels of another: their weights alone differ.
FIRST = {shape_of(name): name for name in reversed(NAMES)}
NARROW = [
    name if FIRST[shape_of(name)] == name else pytest.param(name, marks=pytest.mark.slow)
    for name in NAMES
]


@pytest.mark.parametrize("name", NARROW)
def test_narrow(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    narrow = seeded.narrow(bundle.bundles()[name])
    monkeypatch.setattr(torchaudio.pipelines, name, narrow)
    seeded.put_weights(narrow, tmp_path, seed=NAMES.index(name))
    recordings = data.clips()
    manifest = export_package(name, tmp_path / "package", Options(audio=tuple(recordings)))
    assert manifest.model.licence == bundle.licence_of(narrow)
    assert {a.kind for a in manifest.artifacts} == {"onnx", "torchscript"}
    check(name, tmp_path / "package", recordings)


def real_size(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = bundle.bundles()[name]
    seeded.put_weights(found, tmp_path)
    gc.collect()
    recordings = data.clips()[1:4]
    manifest = export_package(name, tmp_path / "package", Options(audio=tuple(recordings)))
    gc.collect()
    onnx = manifest.artifacts[0]
    assert bool(onnx.external_data) == (manifest.model.parameters * 4 > 2**31)
    assert verify(tmp_path / "package", artifacts=("onnx", "torchscript")).ok
    gc.collect()
    check(name, tmp_path / "package", recordings)


def test_real_size_base(tmp_path, monkeypatch):
    real_size(BASE, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_real_size(name, tmp_path, monkeypatch):
    real_size(name, tmp_path, monkeypatch)


def test_a_bundle_is_not_changed():
    """Patched names are restored: 17 bundles at their own sizes."""
    sizes = {b._params["encoder_embed_dim"] for b in bundle.bundles().values()}
    assert sizes == {768, 1024, 1280}
    assert all(dataclasses.is_dataclass(b) for b in bundle.bundles().values())
