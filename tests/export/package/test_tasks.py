"""Packages of models shaped as published ones: language, emotion, speakers, diarization.

Exported with no option but the recordings, then asked in every way that users have.
"""

import hashlib
import json
import re
import shutil
from contextlib import nullcontext

import numpy as np
import pytest
from typer.testing import CliRunner

import voxport
from benchmarks.families import cases
from support import data, task_models
from voxport.audio.files import read_audio
from voxport.cli import app
from voxport.errors import ArtifactUnavailableError
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify
from voxport_export.errors import ExportError, SourceError
from voxport_export.package.export import Options, export_package, prepare_package
from voxport_export.sources.resolve import resolve

pytest.importorskip("transformers")

MODELS = {
    "language": task_models.LANGUAGE_MODEL,
    "emotion": task_models.EMOTION_MODEL,
    "speaker": task_models.SPEAKER_MODEL,
    "diarization": task_models.DIARIZATION_MODEL,
}
FORMATS = {
    "language": ("torchscript",),
    "emotion": ("onnx",),
    "speaker": ("onnx", "torchscript"),
    "diarization": ("onnx", "torchscript"),
}
# Published by transformers 4, whose weighted sums end in a normalised state
CONFIGS = {"emotion": {"transformers_version": "4.11.0.dev0"}}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    return task_models.write_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Each eager model with its folder."""
    found = {}
    for name, settings in MODELS.items():
        model = task_models.make(**settings)
        folder = tmp_path_factory.mktemp("models") / name
        found[name] = (model, task_models.write(folder, model, config=CONFIGS.get(name)))
    found["emotion"][0].config.tie_last_hidden_states = True
    return found


@pytest.fixture(scope="module")
def packages(models, recordings, tmp_path_factory):
    """Each package, in formats that together are all of them for each task but frames."""
    root = tmp_path_factory.mktemp("packages")
    for name, (_, folder) in models.items():
        export_package(str(folder), root / name, Options(FORMATS[name], audio=tuple(recordings)))
    return root


def expected(models, name, path):
    return task_models.eager_answer(models[name][0], read_audio(path).waveform)


def test_a_language_has_the_label_and_the_scores_of_transformers(packages, models, recordings):
    classifier = voxport.load_classifier(packages / "language", "cpu")
    assert classifier.labels == tuple(task_models.LANGUAGES)
    found = classifier.classify(recordings, top_k=3)
    for path, answer, logits in zip(recordings, found, classifier.logits(recordings), strict=True):
        wanted = expected(models, "language", path)
        assert np.abs(logits - wanted).max() <= 1e-4 * np.abs(wanted).max()
        powers = np.exp(wanted - wanted.max())
        best = np.argsort(-wanted)[:3]
        assert [one.label for one in answer.scores] == [task_models.LANGUAGES[i] for i in best]
        scores = [one.score for one in answer.scores]
        assert scores == pytest.approx((powers / powers.sum())[best], abs=1e-5)


def test_an_emotion_is_that_of_the_version_that_wrote_the_model(packages, models, recordings):
    classifier = voxport.load_classifier(packages / "emotion", "cpu")
    for path in recordings:
        wanted = expected(models, "emotion", path)
        assert np.abs(classifier.logits(path) - wanted).max() <= 1e-4 * np.abs(wanted).max()
    parity = classifier.manifest.head.parity[0]
    assert "last hidden state normalised" in parity.reference


def test_the_card_of_an_emotion_model_names_the_law(packages):
    card = (packages / "emotion" / "README.md").read_text("utf-8")
    assert "Regulation (EU) 2024/1689" in card
    assert "not legal advice" in card
    assert "2024/1689" not in (packages / "language" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("artifact", ["onnx", "torchscript"])
def test_an_embedding_is_that_of_transformers(packages, models, recordings, artifact):
    encoder = voxport.load_speaker_encoder(packages / "speaker", "cpu", artifact)
    found = encoder.embed(recordings)
    for path, embedding in zip(recordings, found, strict=True):
        wanted = expected(models, "speaker", path)
        assert np.abs(embedding - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert voxport.cosine_similarity(found[0], found[0]) == pytest.approx(1)


@pytest.mark.parametrize("artifact", ["onnx", "torchscript"])
def test_the_scores_of_frames_are_those_of_transformers(packages, models, recordings, artifact):
    classifier = voxport.load_frame_classifier(packages / "diarization", "cpu", artifact)
    for path, found in zip(recordings, classifier.classify_frames(recordings), strict=True):
        wanted = expected(models, "diarization", path)
        assert found.scores.shape == wanted.shape
        assert np.abs(found.logits - wanted).max() <= 1e-4 * np.abs(wanted).max()
        np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-wanted)), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_package_verifies_also_against_the_eager_model(packages, name):
    manifest = read_manifest(packages / name)
    assert manifest.head.golden
    for against in (None, "eager"):
        report = verify(packages / name, against=against)
        assert report.ok
        assert report.skipped == ()  # TorchScript of the exporter runs unnamed
    assert {one.artifact for one in report.checks} == {one.path for one in manifest.artifacts}


def test_another_graph_does_not_verify(packages, tmp_path):
    package = shutil.copytree(packages / "emotion", tmp_path / "package")
    manifest = read_manifest(package)
    text = (package / "manifest.json").read_text("utf-8")
    label = manifest.head.golden[0].label
    other = next(one for one in manifest.model.labels if one != label)
    changed = json.loads(text)
    changed["head"]["golden"][0]["label"] = other
    rewrite(package, changed)
    report = verify(package)
    assert not report.ok
    assert f"the label: expected '{other}'" in str([check.problem for check in report.checks])


def rewrite(package, document):
    """Write a manifest with a hash of its own."""
    document["sha256"] = "0" * 64
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    (package / "manifest.json").write_text(text.replace("0" * 64, digest, 1), "utf-8")


@pytest.mark.parametrize(
    ("name", "load", "message"),
    [
        ("language", "load", "labels of recordings (voxport.load_classifier, voxport classify)"),
        ("speaker", "load", "embeddings of speakers (voxport.load_speaker_encoder, voxport embed)"),
        ("speaker", "load_classifier", "gives no labels of recordings but embeddings"),
        ("diarization", "load_classifier", "voxport.load_frame_classifier, voxport classify"),
        ("language", "load_features", "gives no features"),
    ],
)
def test_the_wrong_function_names_the_right_one(packages, name, load, message):
    with pytest.raises(ArtifactUnavailableError) as caught:
        getattr(voxport, load)(packages / name)
    assert message in str(caught.value)


def invoke(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_classify_prints_lines_objects_and_tables(packages, recordings):
    package = packages / "emotion"
    classifier = voxport.load_classifier(package)
    best = [classifier.classify(path) for path in recordings]
    one = invoke("classify", package, recordings[0], "--top-k", "1")
    assert one.output == f"{best[0].label} ({best[0].score:.2f})\n"
    several = invoke("classify", package, *recordings, "--top-k", "2").output.splitlines()
    for path, line, answer in zip(recordings, several, best, strict=True):
        assert line.startswith(f"{path}: {answer.label} ({answer.score:.2f}), ")
    lines = invoke("classify", package, *recordings, "--format", "json").output.splitlines()
    for path, line, answer in zip(recordings, lines, best, strict=True):
        document = json.loads(line)
        assert list(document) == ["file", "label", "duration", "scores"]
        assert (document["file"], document["label"]) == (str(path), answer.label)
        assert len(document["scores"]) == 4
    table = invoke("classify", package, *recordings, "--format", "tsv", "--top-k", "1").output
    assert table == "".join(
        f"{path}\t{answer.label}\t{round(answer.score, 4):.4f}\n"
        for path, answer in zip(recordings, best, strict=True)
    )


def test_classify_reports_a_bad_file_and_goes_on(packages, recordings, tmp_path):
    result = invoke("classify", packages / "emotion", tmp_path / "missing.wav", recordings[0])
    assert result.exit_code == 1
    assert "missing.wav: there is no such file" in result.output
    assert f"{recordings[0]}: " in result.output


def test_classify_prints_the_spans_of_frames(packages, recordings):
    result = invoke("classify", packages / "diarization", recordings[0], "--format", "json")
    document = json.loads(result.output)
    found = voxport.load_frame_classifier(packages / "diarization").classify_frames(recordings[0])
    assert len(document["spans"]) == len(found.spans(["a", "b"]))


def test_embed_prints_embeddings_or_similarities(packages, recordings):
    lines = invoke("embed", packages / "speaker", *recordings).output.splitlines()
    found = voxport.load_speaker_encoder(packages / "speaker").embed(recordings)
    for line, embedding in zip(lines, found, strict=True):
        np.testing.assert_allclose(json.loads(line)["embedding"], embedding, rtol=1e-3, atol=1e-5)
    printed = invoke("embed", packages / "speaker", *recordings, "--similarity").output
    similarity = voxport.cosine_similarity(*found)
    assert printed.startswith(f"{similarity:.4f}  ")


@pytest.mark.parametrize("command", ["transcribe", "benchmark", "align", "plot"])
def test_other_commands_name_the_right_one(packages, recordings, command):
    rest = {
        "align": [recordings[0], "a text"],
        "plot": [recordings[0], "-o", "x.png"],
        "transcribe": [recordings[0]],
    }.get(command, [])
    result = invoke(command, packages / "emotion", *rest)
    assert result.exit_code == 1
    assert "voxport classify" in result.output


def test_inspect_says_the_task_and_the_parity(packages):
    printed = invoke("inspect", packages / "speaker").output
    assert "embedding, of recordings of at least 0.310 s" in printed  # 16 frames
    assert "100.0% of 2 recordings equal" in printed


def test_low_precisions_and_layouts_are_refused_with_a_reason(models):
    folder = str(models["emotion"][1])
    with pytest.raises(ExportError, match="is a model for classification: export it in fp32"):
        prepare_package(folder, Options(precisions=("fp32", "int8")), lambda _: nullcontext())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"problem_type": "regression"}, "the model predicts numbers, and no label"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "id2label names 3 labels"),
        ({"id2label": {"0": "a", "1": "b", "2": "c", "4": "d"}}, "none for output 3"),
        ({"id2label": {"0": "a", "1": "b", "2": "c", "3": ""}}, "label that is not empty"),
        ({"architectures": ["HubertForCTC"]}, "vocab.json"),
    ],
)
def test_a_config_of_another_task_or_head_is_refused(models, tmp_path, config, message):
    folder = task_models.write(tmp_path / "model", models["emotion"][0], config=config)
    with pytest.raises(SourceError) as caught:
        resolve(str(folder))
    assert message in str(caught.value) or "another size" in str(caught.value)


def test_a_pooled_head_behind_a_filter_bank_is_refused(tmp_path):
    case = next(one for one in cases.CASES if one.name == "wav2vec2-bert")
    model = cases.make_model(case.model_type, "ForSequenceClassification", case.config)
    cases.write_files(tmp_path, case.extractor, case.tokens)
    model.save_pretrained(tmp_path)
    with pytest.raises(SourceError, match="it pools the frames in the mask of SeamlessM4T"):
        resolve(str(tmp_path))


def test_features_of_a_classifier_are_those_of_its_backbone(models):
    source = resolve(str(models["emotion"][1])).without_answers()
    assert source.labels == ()
    assert source.task == "transcription"


def test_the_examples_of_the_guide_run(packages, recordings, tmp_path, monkeypatch, capsys):
    names = {"mms-lid": "language", "speakers": "speaker", "diarization": "diarization"}
    (tmp_path / "build").mkdir()
    for shown, name in names.items():
        (tmp_path / "build" / shown).symlink_to(packages / name)
    for shown, path in zip(("speech.flac", "other.flac"), recordings, strict=True):
        shutil.copy(path, tmp_path / shown)
    monkeypatch.chdir(tmp_path)
    guide = (data.ROOT / "docs" / "guides" / "classify.md").read_text("utf-8")
    blocks = re.findall(r"```py\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) == 3
    exec(compile("\n".join(blocks), "classify.md", "exec"), {})
    assert capsys.readouterr().out.startswith(tuple(task_models.LANGUAGES))
