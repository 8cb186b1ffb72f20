"""Hugging Face folders as strangers bring them: refusals, and the file of each fact."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from support import checkpoints, data
from voxport.cli import app
from voxport.package.manifest import Manifest
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify
from voxport_export.errors import ParityError, SourceError
from voxport_export.families import torchaudio_shaped
from voxport_export.package.export import Options, export_package
from voxport_export.parity.eager import eager_emission, eager_features
from voxport_export.sources.resolve import resolve

transformers = pytest.importorskip("transformers")

SAMPLE = data.SAMPLES / "yes.flac"
QUICK = Options(formats=("torchscript",), audio=(SAMPLE,))


@pytest.fixture
def folder(tmp_path):
    return checkpoints.write(tmp_path / "model", checkpoints.make_model())


def rewrite_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


# Weights that the model does not use ---------------------------------------------------------


def add_lora(weights):
    for name in ("q_proj", "v_proj"):
        key = f"wav2vec2.encoder.layers.0.attention.{name}.lora_A.default.weight"
        weights[key] = torch.randn(4, 32)


def test_lora_matrices_are_refused(folder):
    rewrite_weights(folder, add_lora)
    with pytest.raises(SourceError, match=r"does not use \S*lora_A.*\(2 weights\).*merge"):
        resolve(str(folder))


def test_lora_matrices_beside_the_weights_are_refused(folder):
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(SourceError, match=r"adapter_config\.json \(LoRA\)"):
        resolve(str(folder))


def test_a_layer_too_many_is_refused(folder):
    checkpoints.change(folder / "config.json", num_hidden_layers=1)
    with pytest.raises(SourceError, match=r"encoder\.layers\.1\..*state the number of layers"):
        resolve(str(folder))


def test_a_layer_too_few_is_refused(folder):
    checkpoints.change(folder / "config.json", num_hidden_layers=3)
    with pytest.raises(SourceError, match=r"the checkpoint has no wav2vec2\.encoder\.layers\.2\."):
        resolve(str(folder))


def test_weights_of_pre_training_are_harmless(folder):
    def change(weights):
        del weights["wav2vec2.masked_spec_embed"]
        weights["quantizer.codevectors"] = torch.zeros(1, 2, 3)
        weights["project_q.bias"] = torch.zeros(3)

    rewrite_weights(folder, change)
    assert resolve(str(folder)).unused_weights == ()


def test_unused_weights_are_left_out_on_request_and_recorded(folder, tmp_path):
    rewrite_weights(folder, add_lora)
    command = ["export", folder, "-o", tmp_path / "out", "-f", "torchscript", "--audio", SAMPLE]
    refused = CliRunner().invoke(app, list(map(str, command)))
    assert (refused.exit_code, (tmp_path / "out").exists()) == (1, False)
    assert "--allow-unused" in refused.stderr
    result = CliRunner().invoke(app, [*map(str, command), "--allow-unused"])
    assert result.exit_code == 0, result.output
    assert "warning: 2 weights of the checkpoint were left out" in result.stderr
    manifest = read_manifest(tmp_path / "out")
    assert len(manifest.model.unused_weights) == 2
    assert "lora_A" in manifest.model.unused_weights[0]
    assert manifest.model.unused_weights[0] in (tmp_path / "out" / "README.md").read_text()
    assert verify(tmp_path / "out", against="eager", artifacts=("torchscript",)).ok


def test_unused_weights_of_an_own_folder_are_refused(narrow_model, tmp_path):
    weights = load_file(narrow_model / "weights.safetensors")
    save_file({**weights, "extra.weight": torch.zeros(2)}, tmp_path / "weights.safetensors")
    (tmp_path / "config.json").write_text((narrow_model / "config.json").read_text())
    with pytest.raises(SourceError, match=r"does not use extra\.weight \(1 weight\)"):
        resolve(str(tmp_path))
    assert resolve(str(tmp_path), allow_unused=True).unused_weights == ("extra.weight",)
    del weights["aux.bias"]
    save_file(weights, tmp_path / "weights.safetensors")
    with pytest.raises(SourceError, match=r"the checkpoint has no aux\.bias"):
        resolve(str(tmp_path), allow_unused=True)


# The reference is transformers' own model -----------------------------------------------------


def test_the_certificate_names_transformers(folder, tmp_path):
    manifest = export_package(str(folder), tmp_path / "out", QUICK)
    name = f"eager transformers {transformers.__version__}"
    assert [one.reference for one in manifest.parity] == [name]
    assert f"compared with {name}" in (tmp_path / "out" / "README.md").read_text()


def test_a_wrong_conversion_is_found(folder, tmp_path, monkeypatch):
    """The converted weights are compared with the original, not with themselves."""
    convert = torchaudio_shaped.to_torchaudio

    def spoil(original):
        model = convert(original)
        model.encoder.transformer.layers[1].final_layer_norm.eps = 10.0
        return model

    monkeypatch.setattr(torchaudio_shaped, "to_torchaudio", spoil)
    with pytest.raises(ParityError, match=r"does not answer as eager transformers"):
        export_package(str(folder), tmp_path / "out", QUICK)
    assert not (tmp_path / "out").exists()


@torch.no_grad()
def test_weights_in_half_precision_are_read_as_float32(tmp_path):
    model = checkpoints.make_model()
    folder = checkpoints.write(tmp_path / "model", model.half())
    source = resolve(str(folder))
    assert {weight.dtype for weight in source.model.weights.parameters()} == {torch.float32}
    waveform = torch.randn(9_000)
    values = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-7).sqrt()
    expected = model.float()(values[None]).logits[0]
    torch.testing.assert_close(
        eager_emission(source, waveform, 400), expected, atol=1e-3, rtol=1e-4
    )


# Tokenizers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [" ", "_", "/"])
@pytest.mark.parametrize("place", ["tokenizer_config.json", "special_tokens_map.json", "added"])
def test_the_word_delimiter_is_read_from_the_files(tmp_path, delimiter, place):
    folder = checkpoints.write(
        tmp_path, checkpoints.make_model(), checkpoints.vocabulary(delimiter)
    )
    path = folder / "tokenizer_config.json"
    fields = json.loads(path.read_text())
    del fields["word_delimiter_token"]
    if place == "tokenizer_config.json":
        fields["word_delimiter_token"] = delimiter
    elif place == "added":
        fields["word_delimiter_token"] = {"content": delimiter, "__type": "AddedToken"}
    else:
        (folder / place).write_text(json.dumps({"word_delimiter_token": delimiter}))
    path.write_text(json.dumps(fields))
    source = resolve(str(folder))
    assert source.word_delimiter == delimiter
    assert source.pieces[4] == " "


def test_no_word_delimiter_where_the_files_say_null(tmp_path):
    folder = checkpoints.write(
        tmp_path, checkpoints.make_model(), tokenizer={"word_delimiter_token": None}
    )
    assert resolve(str(folder)).word_delimiter is None


def test_labels_are_those_of_the_tokenizers_own_class(tmp_path):
    """Special tokens that the vocabulary lacks follow it, in the class's order; lower case."""
    vocab = {"b": 0, "A": 1, "|": 2}
    fields = {"pad_token": "[PAD]", "bos_token": "[B]", "do_lower_case": True}
    folder = checkpoints.write(
        tmp_path, checkpoints.make_model(vocab_size=7), vocab, tokenizer=fields
    )
    tokenizer = transformers.Wav2Vec2CTCTokenizer.from_pretrained(str(folder))
    source = resolve(str(folder))
    assert source.blank == tokenizer.pad_token_id == 6
    assert source.labels == ("b", "a", "|", "[b]", "</s>", "<unk>", "[pad]")


PHONEMES = ["<pad>", "<s>", "</s>", "<unk>", "h", "ə", "l", "oʊ", "o", "ʊ", "aɪ", "tʃ", "|"]  # noqa: RUF001


@pytest.mark.parametrize("delimiter", [None, "|"])
@torch.no_grad()
def test_phonemes_are_separated_as_their_own_decoder_does(tmp_path, delimiter):
    vocab = {token: index for index, token in enumerate(PHONEMES)}
    fields = {
        "tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer",
        "word_delimiter_token": delimiter,
        "phone_delimiter_token": " ",
        "do_phonemize": False,
    }
    model = checkpoints.make_model(vocab_size=len(vocab))
    folder = checkpoints.write(tmp_path, model, vocab, tokenizer=fields)
    source = resolve(str(folder))
    tokenizer = transformers.Wav2Vec2PhonemeCTCTokenizer.from_pretrained(str(folder))
    path = torch.randint(0, len(vocab), (200,), generator=torch.Generator().manual_seed(1)).tolist()
    collapsed = [token for i, token in enumerate(path) if i == 0 or token != path[i - 1]]
    text = "".join(source.pieces[token] for token in collapsed if token != source.blank)
    kept = [token for token in collapsed if token != source.blank]
    assert text.strip() == tokenizer.decode(kept, group_tokens=False)


@pytest.mark.parametrize(
    ("file", "fields", "message"),
    [
        ("tokenizer_config.json", {"pad_token": 3}, "pad_token is 3, expected a string"),
        ("tokenizer_config.json", {"tokenizer_class": "BertTokenizer"}, "'BertTokenizer' is not"),
        ("preprocessor_config.json", {"sampling_rate": None}, "sampling_rate is None, expected"),
        ("preprocessor_config.json", {"sampling_rate": 0}, "sampling_rate is 0, expected"),
        ("preprocessor_config.json", {"sampling_rate": "16k"}, "sampling_rate is '16k', expected"),
        (
            "preprocessor_config.json",
            {"feature_extractor_type": "SeamlessM4TFeatureExtractor"},
            "does not hear a plain waveform",
        ),
        ("vocab.json", {"A": "three"}, "the label 'A' has index 'three'"),
    ],
)
def test_fields_that_make_no_sense_are_refused(folder, file, fields, message):
    checkpoints.change(folder / file, **fields)
    with pytest.raises(SourceError, match=message):
        resolve(str(folder))


def test_a_blank_that_no_file_states_is_asked_for(folder):
    checkpoints.change(folder / "tokenizer_config.json", pad_token=None)
    checkpoints.change(folder / "config.json", pad_token_id=None)
    with pytest.raises(SourceError, match=r"names no pad_token, .* the blank is not known: name"):
        resolve(str(folder))


# Languages ------------------------------------------------------------------------------------


def nested(tmp_path, **fields):
    model = checkpoints.make_model(adapter_attn_dim=8)
    vocab = {"eng": checkpoints.vocabulary(), "fra": checkpoints.vocabulary()}
    return checkpoints.write(tmp_path, model, vocab, tokenizer=fields)


def test_several_languages_without_a_default_are_listed(tmp_path):
    with pytest.raises(SourceError, match=r"names no default: write .*:LANGUAGE, one of eng, fra"):
        resolve(str(nested(tmp_path)))


@pytest.mark.parametrize("given", ["xyz", None])
def test_an_unknown_language_lists_the_known_ones(tmp_path, given):
    folder = nested(tmp_path, target_lang="eng" if given else "xyz")
    with pytest.raises(SourceError, match=r"has no language 'xyz' in vocab\.json; .* eng, fra"):
        resolve(f"{folder}:{given}" if given else str(folder))


# Code and configurations ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file", ["config.json", "tokenizer_config.json", "preprocessor_config.json"]
)
@pytest.mark.parametrize("kind", ["wav2vec2", "my_asr"])
def test_code_of_a_checkpoint_never_runs(folder, tmp_path, file, kind):
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w').write('ran')\n"
    (folder / "planted.py").write_text(code + "class Planted: pass\n")
    checkpoints.change(folder / "config.json", model_type=kind)
    names = ("AutoConfig", "AutoModelForCTC", "AutoTokenizer", "AutoFeatureExtractor")
    checkpoints.change(folder / file, auto_map=dict.fromkeys(names, "planted.Planted"))
    command = ["export", str(folder), "-o", str(tmp_path / "out"), "-f", "torchscript"]
    result = CliRunner().invoke(app, command, input="y\n")
    assert result.exit_code == 1
    assert "[y/N]" not in result.output
    assert f"{file} names Python code" in result.stderr
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["UniSpeech", "UniSpeechSat"])
@torch.no_grad()
def test_unispeech_equals_transformers(tmp_path, kind):
    model = checkpoints.make_model(kind)
    folder = checkpoints.write(tmp_path / "model", model)
    manifest = export_package(str(folder), tmp_path / "out", QUICK)
    assert isinstance(manifest, Manifest)
    assert manifest.parity[0].max_emission_difference > 0
    waveform = torch.randn(9_000)
    values = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-7).sqrt()
    found = eager_emission(resolve(str(folder)), waveform, 400)
    torch.testing.assert_close(found, model(values[None]).logits[0], atol=1e-4, rtol=1e-4)


def test_gelu_python_is_gelu(tmp_path):
    model = checkpoints.make_model(hidden_act="gelu_python", feat_extract_activation="gelu_python")
    folder = checkpoints.write(tmp_path / "model", model)
    assert export_package(str(folder), tmp_path / "out", QUICK).parity[0].equal_transcripts == 1


@torch.no_grad()
def test_features_of_a_pre_norm_model_are_the_layers_own(tmp_path):
    """transformers' last hidden state is normalised once more, torchaudio's is not."""
    large = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
    model = checkpoints.make_model(ending="Model", **large)
    source = resolve(str(checkpoints.write(tmp_path, model)))
    waveform = torch.randn(9_000)
    found = eager_features(source, waveform, 400)
    values = torch.nn.functional.layer_norm(waveform, waveform.shape, eps=1e-7)
    converted = torch.cat(source.model.weights.extract_features(values[None])[0])
    torch.testing.assert_close(found, converted, atol=1e-4, rtol=1e-4)


def test_the_current_folder_has_a_name(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert resolve(".").name == "model"
