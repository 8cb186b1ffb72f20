"""Reading models: bundles from torch's hub cache, Hugging Face folders, voxport's own folders."""

import json
import pickle
from pathlib import Path

import pytest
import torch
import torchaudio
from safetensors.torch import load_file, save_file

from support import seeded
from voxport.errors import UnknownModelError, VoxportError
from voxport_export.errors import SourceError
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.parity.eager import eager_emission, eager_features
from voxport_export.sources import bundle, folder, huggingface, resolve

CC_BY_NC = {f"VOXPOPULI_ASR_BASE_10K_{x}" for x in ("DE", "EN", "ES", "FR", "IT")} | {"MMS_FA"}


@pytest.fixture
def torch_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


def place(monkeypatch, torch_home, name):
    """Put a narrow copy of a bundle in its place, with weights in the cache."""
    narrow = seeded.narrow(bundle.bundles()[name])
    monkeypatch.setattr(torchaudio.pipelines, name, narrow)
    seeded.put_weights(narrow, torch_home)
    return narrow


def test_every_ctc_bundle_is_found_with_its_licence():
    found = bundle.bundles()
    assert len(found) == 17
    licences = {name: bundle.licence_of(value) for name, value in found.items()}
    assert {name for name, licence in licences.items() if licence == "CC-BY-NC-4.0"} == CC_BY_NC
    assert set(licences.values()) == {"MIT", "CC-BY-NC-4.0"}


def test_aligner_bundle_gives_log_probabilities_without_a_star(monkeypatch, torch_home):
    narrow = place(monkeypatch, torch_home, "MMS_FA")
    source = bundle.load_bundle("MMS_FA")
    assert source.log_probs
    assert source.word_delimiter is None
    assert source.labels == narrow.get_labels(star=None)
    emission = eager_emission(source, torch.randn(4_000), 400)
    assert torch.allclose(emission.exp().sum(dim=-1), torch.ones(len(emission)), atol=1e-5)


class Evil:
    def __reduce__(self):
        return print, ("code from a weights file ran",)


def test_weights_that_hold_code_are_refused(monkeypatch, torch_home, capsys):
    place(monkeypatch, torch_home, "WAV2VEC2_ASR_BASE_960H")
    (weights,) = (torch_home / "hub" / "checkpoints").iterdir()
    torch.save({"aux.weight": Evil()}, weights)
    with pytest.raises(SourceError, match="WAV2VEC2_ASR_BASE_960H cannot be loaded"):
        bundle.load_bundle("WAV2VEC2_ASR_BASE_960H")
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"not weights", pickle.dumps({"a": 1}, 2)])
def test_weights_that_are_not_weights_are_refused(monkeypatch, torch_home, content):
    place(monkeypatch, torch_home, "HUBERT_ASR_LARGE")
    (weights,) = (torch_home / "hub" / "checkpoints").iterdir()
    weights.write_bytes(content)
    with pytest.raises(SourceError, match="HUBERT_ASR_LARGE cannot be loaded"):
        bundle.load_bundle("HUBERT_ASR_LARGE")


def test_weights_that_are_nowhere_are_an_error(torch_home, monkeypatch):
    from urllib.error import URLError

    def refuse(*_, **__):
        raise URLError("no network in this test")

    monkeypatch.setattr("torch.hub.urlopen", refuse)
    with pytest.raises(SourceError, match="TORCH_HOME"):
        bundle.load_bundle("WAV2VEC2_ASR_BASE_960H")


def test_a_mistyped_folder_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="no such folder in models; if a Hugging Face id"):
        resolve.resolve("models/mine")


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(UnknownModelError, match="WAV2VEC2_ASR_BASE_960H"):
        resolve.resolve("wav2vec2_asr_base_960")


# Hugging Face ------------------------------------------------------------------------------

VOCABULARY = {"[PAD]": 3, "|": 0, "A": 1, "B": 2, "'": 4, "<unk>": 5}
SMALL = {
    "vocab_size": len(VOCABULARY),
    "pad_token_id": 3,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "conv_dim": (32,) * 7,
    "num_conv_pos_embedding_groups": 4,
}
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}


@pytest.fixture(
    params=[
        ("Wav2Vec2", {}),
        ("Wav2Vec2", LARGE),
        ("Hubert", {}),
        ("Hubert", LARGE),
        ("WavLM", {}),
    ],
    ids=["wav2vec2", "wav2vec2-large", "hubert", "hubert-large", "wavlm"],
)
def hf_folder(request, tmp_path):
    transformers = pytest.importorskip("transformers")
    kind, extra = request.param
    torch.manual_seed(5)
    config = getattr(transformers, f"{kind}Config")(**SMALL, **extra)
    model = getattr(transformers, f"{kind}ForCTC")(config).eval()
    model.lm_head.weight.data.mul_(20)
    model.save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps(VOCABULARY))
    transformers.Wav2Vec2CTCTokenizer(
        str(tmp_path / "vocab.json"), pad_token="[PAD]", unk_token="<unk>"
    ).save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=bool(extra)).save_pretrained(tmp_path)
    (tmp_path / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n")
    return tmp_path


def test_hugging_face_equals_transformers(hf_folder):
    transformers = pytest.importorskip("transformers")
    source = resolve.resolve(str(hf_folder))
    assert source.licence == "apache-2.0"
    assert source.blank == 3
    assert source.labels[:5] == ("|", "A", "B", "[PAD]", "'")
    assert source.word_delimiter == "|"
    waveform = torch.randn(9_000).cumsum(0) * 0.01
    extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(hf_folder)
    values = extractor(waveform.numpy(), sampling_rate=16_000, return_tensors="pt").input_values
    with torch.no_grad():
        expected = transformers.AutoModelForCTC.from_pretrained(hf_folder)(values).logits[0]
    found = eager_emission(source, waveform, 400)
    bound = 1e-4 * max(1.0, float(expected.abs().max()))
    assert float((found - expected).abs().max()) <= bound


@pytest.mark.parametrize("kind", ["Wav2Vec2", "Hubert", "WavLM"])
@torch.no_grad()
def test_hugging_face_without_a_head_equals_transformers(kind, tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(6)
    model = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**SMALL))
    model.eval().save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    source = resolve.resolve(str(tmp_path))
    assert (source.labels, source.transcribes) == ((), False)
    waveform = torch.randn(9_000).cumsum(0) * 0.01
    expected = torch.cat(model(waveform[None], output_hidden_states=True).hidden_states[1:])
    found = eager_features(source, waveform, 400)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.fixture
def mms_folder(tmp_path):
    """A model like MMS: an adapter and a vocabulary for each of two languages."""
    transformers = pytest.importorskip("transformers")
    vocabularies = {
        "eng": {"<pad>": 0, "|": 1, "a": 2, "b": 3},
        "fra": {"<pad>": 0, "|": 1, "é": 2, "a": 3, "ç": 4},
    }
    config = {**SMALL, **LARGE, "adapter_attn_dim": 8, "pad_token_id": 0}
    config["layer_norm_eps"] = 1e-2  # not that of the adapters
    for seed, (language, vocabulary) in enumerate(vocabularies.items()):
        torch.manual_seed(seed)
        config["vocab_size"] = len(vocabulary)
        model = transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(**config))
        if language == "eng":
            model.save_pretrained(tmp_path)
        adapter = {name: w.detach() * 10 for name, w in model._get_adapters().items()}
        save_file(adapter, tmp_path / f"adapter.{language}.safetensors")
    (tmp_path / "vocab.json").write_text(json.dumps(vocabularies))
    transformers.Wav2Vec2CTCTokenizer(
        str(tmp_path / "vocab.json"), pad_token="<pad>", unk_token="<pad>", target_lang="eng"
    ).save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps(vocabularies))
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("language", [None, "eng", "fra"])
@torch.no_grad()
def test_mms_adapters_equal_transformers(mms_folder, language):
    transformers = pytest.importorskip("transformers")
    source = resolve.resolve(f"{mms_folder}:{language}" if language else str(mms_folder))
    assert len(source.labels) == (5 if language == "fra" else 4)
    assert source.labels[2] == ("é" if language == "fra" else "a")
    chosen = {"target_lang": language, "ignore_mismatched_sizes": True} if language else {}
    model = transformers.Wav2Vec2ForCTC.from_pretrained(mms_folder, **chosen).eval()
    waveform = torch.randn(9_000)
    values = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-7).sqrt()
    expected = model(values[None]).logits[0]
    bound = 1e-4 * max(1.0, float(expected.abs().max()))
    assert float((eager_emission(source, waveform, 400) - expected).abs().max()) <= bound
    graph = RecognizerGraph(source.model, blank=0)
    found = graph(waveform[None], torch.tensor([9_000])).emission[0]
    assert float((found - expected).abs().max()) <= bound
    assert source.origin == f"folder:{mms_folder}{f':{language}' if language else ''}"
    assert resolve.resolve(source.origin).labels == source.labels


def test_a_language_of_a_model_with_one_is_refused(hf_folder):
    with pytest.raises(SourceError, match="has one language only"):
        resolve.resolve(f"{hf_folder}:fra")


def test_an_unknown_language_is_refused(mms_folder):
    with pytest.raises(SourceError, match="xyz"):
        resolve.resolve(f"{mms_folder}:xyz")


def test_a_checkpoint_without_its_head_is_refused(hf_folder):
    """transformers would fill the head with random numbers, and parity could not tell."""
    weights = load_file(hf_folder / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, hf_folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SourceError, match=r"the checkpoint has no lm_head\.weight"):
        resolve.resolve(str(hf_folder))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", None),
        ("model.safetensors", b"xx"),
        ("vocab.json", None),
        ("vocab.json", b"xx"),
        ("preprocessor_config.json", b"xx"),
    ],
)
def test_a_damaged_folder_is_refused(hf_folder, name, content):
    (hf_folder / name).unlink()
    message = {
        "model.safetensors": "there are no weights in it; expected model.safetensors or",
        "vocab.json": r"there is no vocab\.json in it, which lists the labels",
    }.get(name)
    if content is not None:
        (hf_folder / name).write_bytes(content)
        is_json = name.endswith(".json")
        message = (
            f"{name} is not JSON"
            if is_json
            else r"model\.safetensors: not a whole safetensors file"
        )
    with pytest.raises(SourceError, match=message):
        resolve.resolve(str(hf_folder))


def test_a_folder_without_a_preprocessor_says_what_it_takes(hf_folder):
    (hf_folder / "preprocessor_config.json").unlink()
    source = resolve.resolve(str(hf_folder))
    assert source.sample_rate == 16_000
    assert any("preprocessor_config.json" in note for note in source.notes)


def test_the_blank_of_a_folder_without_a_tokenizers_files_is_its_configurations(hf_folder):
    for name in ("tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"):
        (hf_folder / name).unlink(missing_ok=True)
    assert resolve.resolve(str(hf_folder)).blank == SMALL["pad_token_id"]


def test_a_hugging_face_folder_is_no_id_of_the_hub(hf_folder, monkeypatch):
    """An id could be written as it is; the manifest tells them apart."""
    (hf_folder / "README.md").unlink()
    monkeypatch.chdir(hf_folder.parent.parent)
    given = str(hf_folder.relative_to(Path.cwd()))
    source = resolve.resolve(given)
    assert source.origin == f"folder:{given}"
    assert source.licence == f"not stated in the model card of the folder {given}"
    assert resolve.resolve(source.origin).labels == source.labels
    assert resolve.resolve(f"huggingface:{given}").labels == source.labels  # as it once was written


def test_a_vocabulary_without_a_delimiter(hf_folder):
    transformers = pytest.importorskip("transformers")
    vocabulary = {"C" if name == "|" else name: index for name, index in VOCABULARY.items()}
    (hf_folder / "vocab.json").write_text(json.dumps(vocabulary))
    transformers.Wav2Vec2CTCTokenizer(
        str(hf_folder / "vocab.json"), pad_token="[PAD]", unk_token="<unk>"
    ).save_pretrained(hf_folder)
    (hf_folder / "vocab.json").write_text(json.dumps(vocabulary))
    source = resolve.resolve(str(hf_folder))
    assert source.word_delimiter is None
    assert source.labels[:3] == ("C", "A", "B")


def test_parts_that_torchaudio_lacks_are_refused(tmp_path):
    transformers = pytest.importorskip("transformers")
    transformers.Wav2Vec2Config(**SMALL, hidden_act="relu").save_pretrained(tmp_path)
    with pytest.raises(SourceError, match="hidden_act = 'relu' is not supported"):
        resolve.resolve(str(tmp_path))


def test_other_architectures_are_refused(tmp_path):
    pytest.importorskip("transformers").BertConfig().save_pretrained(tmp_path)
    with pytest.raises(SourceError, match="'bert' is not one of"):
        huggingface.load_huggingface(str(tmp_path))


# voxport's own folders ---------------------------------------------------------------------


def make_folder(path, **changes):
    arguments = seeded.narrow(bundle.bundles()["WAV2VEC2_ASR_BASE_960H"])._params
    arguments = {**arguments, "aux_num_out": 3}
    model = torchaudio.models.wav2vec2_model(**arguments)
    save_file(model.state_dict(), path / "weights.safetensors")
    config = {
        "format": "voxport-weights",
        "version": 1,
        "name": "mine",
        "labels": ["-", "|", "A"],
        "blank": 0,
        "word_delimiter": "|",
        "sample_rate": 16000,
        "normalize_waveform": True,
        "licence": "MIT",
        "model": arguments,
    } | changes
    (path / "config.json").write_text(json.dumps(config))
    return path


def test_own_folder(tmp_path):
    source = resolve.resolve(str(make_folder(tmp_path)))
    assert (source.name, source.licence, source.blank) == ("mine", "MIT", 0)
    assert source.pieces == ["-", " ", "A"]
    assert source.normalize_eps == 1e-5
    assert resolve.resolve(source.origin).name == "mine"


WRONG = {
    "version": ({"version": 2}, "expected version 1, found 2"),
    "format": ({"format": "other"}, "expected format 'voxport-weights', found 'other'"),
    "rate": ({"sample_rate": 0}, "sample_rate must be a whole number of at least 1, got 0"),
    "a label": ({"labels": ["-", "|", 3]}, r"labels\[2\] must be a string, got 3"),
    "model": ({"model": 4}, "model must be"),
    "labels": ({"labels": ["-", "|"]}, "3 outputs, but 2 labels"),
    "argument": ({"model": {"depth": 3}}, "unexpected keyword argument 'depth'"),
    "delimiter": ({"word_delimiter": "_"}, "word_delimiter '_' is not one of the labels"),
    "blank": ({"blank": 7}, "blank is 7"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_own_folder_with_a_wrong_config(tmp_path, changes, message):
    make_folder(tmp_path, **changes)
    with pytest.raises(SourceError, match=message):
        folder.load_folder(tmp_path)


def test_own_folder_without_weights(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    with pytest.raises(SourceError, match=r"weights\.safetensors: no such file"):
        resolve.resolve(str(tmp_path))


def test_own_folder_with_broken_weights(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0 broken")
    with pytest.raises(SourceError, match="not a safetensors file"):
        resolve.resolve(str(tmp_path))


def test_own_folder_with_a_missing_field(tmp_path):
    make_folder(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["licence"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(SourceError, match="licence"):
        resolve.resolve(str(tmp_path))


@pytest.mark.parametrize(
    ("config", "message"),
    [(None, "no config.json; expected"), ("{}", "config.json: has neither the field 'format'")],
)
def test_folders_without_a_config(tmp_path, config, message):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(SourceError, match=message):
        resolve.resolve(str(tmp_path))


@pytest.mark.parametrize("name", ["manifest.json", "config.json"])
def test_folders_that_are_no_models(tmp_path, name):
    (tmp_path / name).write_text("{}" if name == "manifest.json" else "no json")
    with pytest.raises(VoxportError, match=r"already|not readable as JSON"):
        resolve.resolve(str(tmp_path))
