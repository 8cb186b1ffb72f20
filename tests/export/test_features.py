"""Every layer of every bundle, exported and loaded again, against ``extract_features`` itself.

Narrow copies in both formats by default, one of each family; the others, and real sizes, under
``-m slow``. All on real speech if there is any.
"""

import gc

import numpy as np
import pytest
import torch
import torchaudio

import voxport
from support import data, seeded
from support.resampled import read_for_torchaudio
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify
from voxport_export.errors import ExportError, ParityError
from voxport_export.package.export import Options, export_package
from voxport_export.sources import bundle
from voxport_export.sources.source import EagerReference

BUNDLES = {**bundle.bundles(), **bundle.backbones()}
FAMILIES = (
    "HUBERT_ASR_XLARGE",
    "WAV2VEC2_ASR_LARGE_LV60K_960H",
    "WAV2VEC2_LARGE",
    "WAVLM_BASE_PLUS",
    "WAVLM_LARGE",
)
REAL = ("HUBERT_BASE", "WAVLM_BASE")  # the two shapes of base models


def family(name):
    """Return the structure of a narrow copy, as far as features depend on it."""
    narrow = seeded.narrow(BUNDLES[name])
    structure = {k: v for k, v in narrow._params.items() if "drop" not in k and k != "aux_num_out"}
    return repr((sorted(structure.items()), narrow._normalize_waveform, narrow._model_type))


OTHERS = sorted(set(BUNDLES) - set(FAMILIES))
LARGER = sorted(set(BUNDLES) - set(REAL))


def eager(name):
    found = getattr(torchaudio.pipelines, name)
    return found.get_model(with_star=False) if name == "MMS_FA" else found.get_model()


@torch.no_grad()
def check(name, package, recordings):
    """Each artifact's layers, of recordings in one list, against each row alone in torchaudio."""
    model = eager(name)
    waveforms = [read_for_torchaudio(path) for path in recordings]
    expected = [torch.cat(model.extract_features(w[None])[0]).numpy() for w in waveforms]
    del model
    gc.collect()
    empty = expected[0][:, :0]
    rows = [*(w.numpy() for w in waveforms), np.ones(399, np.float32), np.ones(0, np.float32)]
    for artifact in ("onnx", "torchscript"):
        extractor = voxport.load_features(package, provider="cpu", artifact=artifact)
        answers = extractor.features(rows, sample_rate=16_000)
        for found, wanted in zip(answers, [*expected, empty, empty], strict=True):
            assert found.shape == wanted.shape
            limits = 1e-4 * np.abs(wanted).max(axis=(1, 2), initial=1.0)
            assert (np.abs(found - wanted).max(axis=(1, 2), initial=0.0) <= limits).all()
        del extractor
        gc.collect()


def narrow(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    copy = seeded.narrow(BUNDLES[name])
    monkeypatch.setattr(torchaudio.pipelines, name, copy)
    seeded.put_weights(copy, tmp_path)
    recordings = data.clips()
    options = Options(features=True, audio=tuple(recordings))
    manifest = export_package(name, tmp_path / "package", options)
    assert manifest.model.licence == bundle.licence_of(copy)
    assert manifest.model.transcribes == (name in bundle.bundles())
    assert [parity.artifact for parity in manifest.features.parity] == ["model.onnx", "model.ts"]
    check(name, tmp_path / "package", recordings)


@pytest.mark.parametrize("name", FAMILIES)
def test_narrow(name, tmp_path, monkeypatch):
    narrow(name, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_narrow_of_every_other(name, tmp_path, monkeypatch):
    narrow(name, tmp_path, monkeypatch)


def real_size(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    seeded.put_weights(BUNDLES[name], tmp_path)
    gc.collect()
    recordings = data.clips()[1:4]
    options = Options(features=True, audio=tuple(recordings))
    export_package(name, tmp_path / "package", options)
    gc.collect()
    assert verify(tmp_path / "package", artifacts=("onnx", "torchscript")).ok
    gc.collect()
    check(name, tmp_path / "package", recordings)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_size_base(name, tmp_path, monkeypatch):
    real_size(name, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGER)
def test_real_size(name, tmp_path, monkeypatch):
    real_size(name, tmp_path, monkeypatch)


def test_the_families_are_all_there_are():
    kinds = [family(name) for name in FAMILIES]
    assert len(set(kinds)) == len(kinds)
    assert set(kinds) == set(map(family, BUNDLES))


def test_every_bundle_of_the_module_is_one_or_the_other():
    pipelines = vars(torchaudio.pipelines).values()
    assert len(BUNDLES) == sum(
        isinstance(x, torchaudio.pipelines.Wav2Vec2Bundle) for x in pipelines
    )
    assert {"WAV2VEC2_BASE", "WAV2VEC2_XLSR_2B", "HUBERT_XLARGE", "WAVLM_LARGE"} <= set(BUNDLES)
    licences = {name: bundle.licence_of(found) for name, found in bundle.backbones().items()}
    assert not {name for name, licence in licences.items() if "not stated" in licence}


def test_a_layer_that_differs_writes_no_package(headless_model, tmp_path, monkeypatch):
    extract = EagerReference.extract_features

    def differ(self, waveform):
        layers, lengths = extract(self, waveform)
        return [layers[0], layers[1] * 1.01], lengths

    monkeypatch.setattr(EagerReference, "extract_features", differ)
    options = Options(formats=("torchscript",), features=True, audio=tuple(data.clips()[:1]))
    with pytest.raises(ParityError, match=r"model\.ts does not answer as eager .*layer 2 differs"):
        export_package(str(headless_model), tmp_path / "package", options)
    assert list(tmp_path.iterdir()) == []


def test_without_a_head_features_are_asked_for(headless_model, tmp_path):
    with pytest.raises(ExportError, match=r"no CTC head.*--features"):
        export_package(str(headless_model), tmp_path / "package")


def test_weights_are_in_each_file_once(exported, with_features):
    weights = 4 * read_manifest(exported).model.parameters  # bytes
    packages = (read_manifest(exported).artifacts, read_manifest(with_features).artifacts)
    for without, artifact in zip(*packages, strict=True):
        assert artifact.bytes - without.bytes < weights  # the code of a second method
