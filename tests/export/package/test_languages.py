"""One package with several languages of a checkpoint: shared weights, exact answers, choices."""

import json
import shutil

import numpy as np
import pytest
import torch
from onnx import TensorProto, load_model
from safetensors.torch import save_file
from typer.testing import CliRunner

import voxport
from support import checkpoints, data
from voxport.cli import app
from voxport.errors import ArtifactUnavailableError, InputError, ManifestError
from voxport.package.manifest import Manifest
from voxport.package.read_manifest import parse_manifest, read_manifest
from voxport.verification.verify import verify
from voxport_export.errors import ExportError, SourceError
from voxport_export.package.export import Options, export_package
from voxport_export.package.languages import export_languages
from voxport_export.sources.languages import choose_languages

transformers = pytest.importorskip("transformers")

SAMPLE, OTHER = data.SAMPLES / "seven.wav", data.SAMPLES / "go-up.ogg"
LETTERS = {"eng": "|abc'", "fra": "|éaçbd", "deu": "|äöüßabc"}
OPTIONS = Options(formats=("onnx",), audio=(SAMPLE,), force=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model like MMS: an adapter and a vocabulary for each of three languages."""
    place = tmp_path_factory.mktemp("mms") / "model"
    vocabularies = {
        language: {"<pad>": 0, **{letter: index + 1 for index, letter in enumerate(letters)}}
        for language, letters in LETTERS.items()
    }
    for seed, (language, vocabulary) in enumerate(vocabularies.items()):
        model = checkpoints.make_model(
            vocab_size=len(vocabulary),
            adapter_attn_dim=8,
            do_stable_layer_norm=True,
            feat_extract_norm="layer",
        )
        if language == "eng":
            tokenizer = {"unk_token": "<pad>", "target_lang": "eng"}
            checkpoints.write(place, model, vocabularies, tokenizer)
        torch.manual_seed(seed)
        adapter = {
            name: weight.detach() + (torch.randn(weight.shape) if weight.dim() > 1 else 0)
            for name, weight in model._get_adapters().items()
        }
        save_file(adapter, place / f"adapter.{language}.safetensors")
    return place


@pytest.fixture(scope="module")
def package(folder):
    out = folder.parent / "package"
    export_languages(str(folder), ["eng", "fra"], out, OPTIONS)
    return out


def load(package, language=None):
    return voxport.load(package, provider="cpu", language=language)


def test_a_language_equals_its_own_export_exactly(folder, package):
    single = folder.parent / "single"
    export_package(f"{folder}:fra", single, OPTIONS)
    alone, together = load(single), load(package, "fra")
    assert together.manifest.model.labels == alone.manifest.model.labels == ("<pad>", *"|éaçbd")
    for recording in (SAMPLE, OTHER):
        assert np.array_equal(alone.emission(recording), together.emission(recording))
        assert alone.transcribe(recording) == together.transcribe(recording)
    assert together.transcribe(SAMPLE).text != load(package, "eng").transcribe(SAMPLE).text


@torch.no_grad()
@pytest.mark.parametrize("language", ["eng", "fra"])
def test_a_language_is_transformers_with_its_adapter(folder, package, language):
    model = transformers.Wav2Vec2ForCTC.from_pretrained(folder).eval()
    model.load_adapter(language)
    recognizer = load(package, language)
    waveform = np.random.default_rng(0).standard_normal(9_000).astype(np.float32)
    values = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
    expected = model(torch.from_numpy(values)[None]).logits[0].numpy()
    bound = 1e-4 * max(1.0, float(np.abs(expected).max()))
    assert np.abs(recognizer.emission(waveform) - expected).max() <= bound


def test_the_weights_are_stored_once(package):
    manifest = read_manifest(package)
    names = {path.name for path in package.iterdir()}
    assert {"model.eng.onnx", "model.fra.onnx", "shared.data", "golden-0.wav"} <= names
    assert names - {"manifest.json"} == {entry.path for entry in manifest.entries()}
    shared = {one.artifacts[0].external_data for one in manifest.languages}
    assert [entry.path for entry in next(iter(shared))] == ["shared.data"]
    assert len(shared) == 1
    for language in ("eng", "fra"):
        graph = load_model(package / f"model.{language}.onnx", load_external_data=False).graph
        outside = [one for one in graph.initializer if one.data_location == TensorProto.EXTERNAL]
        inside = [one for one in graph.initializer if one.data_location != TensorProto.EXTERNAL]
        # An adapter and a head, and what is too small to be worth it
        assert sum(len(one.raw_data) for one in inside) < 30_000
        assert sum(int(np.prod(one.dims)) for one in outside) > 15_000


def test_the_manifest_lists_languages_and_stands_for_the_default(package):
    manifest = read_manifest(package)
    assert [one.language for one in manifest.languages] == ["eng", "fra"]
    assert manifest.default_language == "eng"
    assert manifest.artifacts == manifest.languages[0].artifacts
    for one in manifest.languages:
        assert one.model.labels == ("<pad>", *LETTERS[one.language])
        assert one.model.source.endswith(f":{one.language}")
        assert [clip.path for clip in one.golden] == ["golden-0.wav"]
        assert one.parity[0].artifact == one.artifacts[0].path
    card = (package / "README.md").read_text()
    assert "| Languages (`--language CODE`) | eng, fra; default: eng |" in card
    assert "| model.fra.onnx |" in card
    text = (package / "manifest.json").read_text()
    assert json.loads(text)["version"] == 1
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((data.ROOT / "runtime/voxport/manifest.schema.json").read_text())
    jsonschema.validate(json.loads(text), schema)
    assert parse_manifest(manifest.to_json().encode()) == manifest


def test_every_language_is_verified(package):
    report = verify(package)
    assert report.ok
    assert {check.artifact for check in report.checks} == {"model.eng.onnx", "model.fra.onnx"}
    only = verify(package, language="fra")
    assert {check.artifact for check in only.checks} == {"model.fra.onnx"}


def test_the_default_and_languages_that_are_not_there(package):
    assert load(package).artifact.path == "model.eng.onnx"
    with pytest.raises(InputError, match=r"has no language 'fr' \(did you mean fra\?\); there are"):
        load(package, "fr")
    with pytest.raises(InputError, match=r"has no language 'xyz'; there are eng, fra$"):
        load(package, "xyz")
    with pytest.raises(InputError, match="has one language only, and 'fra' is asked for"):
        load("commands", "fra")


def without_default(manifest: Manifest) -> dict:
    content = json.loads(manifest.to_json())
    content |= {"artifacts": [], "parity": [], "golden": [], "default_language": None}
    return content


def write(package, folder, content) -> None:
    """Copy a package with another manifest, its hash made right."""
    import hashlib

    shutil.copytree(package, folder)
    content["sha256"] = "0" * 64
    text = json.dumps(content)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(text.replace("0" * 64, digest, 1))


def test_a_package_without_a_default_lists_its_languages(package, tmp_path):
    write(package, tmp_path / "other", without_default(read_manifest(package)))
    with pytest.raises(ArtifactUnavailableError, match=r"no default: name one .* of eng, fra"):
        load(tmp_path / "other")
    assert load(tmp_path / "other", "fra").transcribe(SAMPLE).text
    assert verify(tmp_path / "other").ok


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"default_language": "xyz"}, "default_language is 'xyz', and the languages are"),
        ({"languages": [{"language": "eng"}]}, r"the field 'languages\[0\]\.model' is missing"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(package, tmp_path, changes, message):
    write(package, tmp_path / "other", without_default(read_manifest(package)) | changes)
    with pytest.raises(ManifestError, match=message):
        load(tmp_path / "other")


def test_the_commands(package):
    run = CliRunner().invoke
    found = run(app, ["transcribe", str(package), str(SAMPLE), "--language", "fra"])
    assert (found.exit_code, found.stdout.strip()) == (
        0,
        load(package, "fra").transcribe(SAMPLE).text,
    )
    found = run(app, ["transcribe", str(package), str(SAMPLE), "--language", "fr"])
    assert (found.exit_code, found.stdout) == (1, "")
    assert "has no language 'fr' (did you mean fra?)" in found.stderr
    shown = run(app, ["inspect", str(package)]).stdout
    assert "default language eng\nlanguages        eng, fra\n" in shown
    assert "model.fra.onnx  onnx fp32" in shown
    aligned = run(app, ["align", str(package), str(SAMPLE), "éa", "--language", "fra"])
    assert aligned.exit_code == 0, aligned.stderr


def test_the_choice_of_languages(folder):
    assert choose_languages(str(folder), ["fra,eng", "fra"]) == ["fra", "eng"]
    assert choose_languages(str(folder), ["all"]) == ["eng", "fra", "deu"]
    with pytest.raises(SourceError, match=r"no language 'xyz'.* eng, fra, deu"):
        choose_languages(str(folder), ["fra", "xyz"])


def test_languages_of_a_checkpoint_with_one_are_refused(tmp_path):
    model = checkpoints.write(tmp_path / "model", checkpoints.make_model())
    out = str(tmp_path / "out")
    found = CliRunner().invoke(app, ["export", str(model), "-o", out, "--language", "fra"])
    assert found.exit_code == 1
    assert "has one language only; leave out --language" in found.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(formats=("torchscript",)), "TorchScript files cannot share weights"),
        (Options(precisions=("fp32", "int8")), "has fp32 and no features"),
        (Options(features=True), "has fp32 and no features"),
    ],
)
def test_options_that_languages_cannot_have_are_refused(folder, tmp_path, options, message):
    with pytest.raises(ExportError, match=message):
        export_languages(str(folder), ["eng", "fra"], tmp_path / "out", options)
    assert not list(tmp_path.iterdir())
