"""Folders with the files and fields of published checkpoints, exported without an option.

The weights are seeded; the text is that of transformers' model and tokenizer on each clip alone.
"""

import json
from itertools import groupby

import pytest
import torch
from typer.testing import CliRunner

from support import checkpoints, data
from voxport.audio.files import read_audio
from voxport.cli import app
from voxport.package.read_manifest import read_manifest
from voxport_export.sources.overrides import Overrides
from voxport_export.sources.resolve import resolve

transformers = pytest.importorskip("transformers")

CLIPS = (data.SAMPLES / "yes.flac", data.SAMPLES / "seven.wav")
LARGE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}


def numbered(*tokens):
    return {token: index for index, token in enumerate(tokens)}


def mms_aligner(folder):
    """mms-300m-1130-forced-aligner: no preprocessor_config.json, and the blank is <blank>."""
    vocab = numbered("<blank>", "<pad>", "</s>", "<unk>", *"aienoutsrmkldghybpwcvjzf'qx")
    model = checkpoints.make_model(vocab_size=len(vocab), pad_token_id=0, **LARGE)
    fields = {"pad_token": "<pad>", "bos_token": "<s>", "word_delimiter_token": "|"}
    checkpoints.write(folder, model, vocab, fields, config={"pad_token_id": 1})
    (folder / "preprocessor_config.json").unlink()
    return vocab["<blank>"]


def xlsr(folder):
    """An XLSR-53 fine-tune of 2021: tokens in special_tokens_map.json, added <s> and </s>."""
    vocab = numbered("|", *"abcdefghij", "[UNK]", "[PAD]")
    blank = vocab["[PAD]"]
    model = checkpoints.make_model(vocab_size=len(vocab), pad_token_id=blank, **LARGE)
    marks = {"unk_token": "[UNK]", "pad_token": "[PAD]", "bos_token": "<s>", "eos_token": "</s>"}
    checkpoints.write(folder, model, vocab, marks)
    (folder / "special_tokens_map.json").write_text(json.dumps(marks))
    (folder / "added_tokens.json").write_text(json.dumps({"<s>": 13, "</s>": 14}))
    return blank


def espeak(folder):
    """wav2vec2-lv-60-espeak-cv-ft: phonemes."""
    vocab = numbered("<pad>", "<s>", "</s>", "<unk>", *"nsətlaɪkdmeɛ")  # noqa: RUF001
    model = checkpoints.make_model(vocab_size=len(vocab), **LARGE)
    fields = {
        "tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer",
        "do_phonemize": False,
        "phonemizer_backend": "espeak",
        "phonemizer_lang": "en-us",
        "phone_delimiter_token": " ",
        "word_delimiter_token": None,
    }
    checkpoints.write(folder, model, vocab, fields)
    return 0


def lower_case(folder):
    """Lower case, and no delimiter between words."""
    vocab = numbered("<pad>", "<s>", "</s>", "<unk>", *"ETAOINSHRD")
    model = checkpoints.make_model(vocab_size=len(vocab))
    checkpoints.write(folder, model, vocab, {"do_lower_case": True, "word_delimiter_token": None})
    return 0


def omniasr(folder):
    """omniASR as Wav2Vec2ForCTC: the blank is <s>, and a label is the space."""
    vocab = numbered("<s>", "<pad>", "</s>", "<unk>", " ", *"aeiounrtsk")
    model = checkpoints.make_model(vocab_size=len(vocab), pad_token_id=0, **LARGE)
    checkpoints.write(folder, model, vocab, {"word_delimiter_token": " "})
    return 0


FOLDERS = (mms_aligner, xlsr, espeak, lower_case, omniasr)


@torch.no_grad()
def expected_texts(folder, blank, waveforms):
    """Decode transformers' logits of each waveform as the tutorial does, by its own tokenizer."""
    model = transformers.AutoModelForCTC.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # Its decode leaves out the padding, which is not every checkpoint's blank.
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(blank)
    for waveform in waveforms:
        values = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-7).sqrt()
        path = model(values[None]).logits[0].argmax(dim=-1).tolist()
        tokens = [label for label, _ in groupby(path) if label != blank]
        yield tokenizer.decode(tokens, group_tokens=False)


@pytest.mark.parametrize("write", FOLDERS, ids=lambda write: write.__name__)
def test_its_text_is_the_checkpoints_own(write, tmp_path):
    folder = tmp_path / "model"
    blank = write(folder)
    args = ["export", folder, "-o", tmp_path / "out", "-f", "torchscript"]
    for clip in CLIPS:
        args += ["--audio", clip]
    result = CliRunner().invoke(app, list(map(str, args)))
    assert result.exit_code == 0, result.output
    manifest = read_manifest(tmp_path / "out")
    assert manifest.model.blank == blank
    assert not manifest.blank_gate.forced
    waveforms = [
        torch.from_numpy(read_audio(tmp_path / "out" / clip.path).waveform)
        for clip in manifest.golden
    ]
    texts = [clip.transcript.strip() for clip in manifest.golden]
    assert texts == list(expected_texts(folder, blank, waveforms))
    assert len("".join(texts)) > 3
    if write is mms_aligner:
        assert "note: there is no preprocessor_config.json" in result.stderr
        assert "normalised to mean 0 and variance 1, as feat_extract_norm" in result.stderr
        assert "there is no preprocessor_config.json" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize(
    ("norm", "options", "expected"),
    [
        ("layer", {}, True),
        ("group", {}, False),
        ("layer", {"normalize": False}, False),
        ("group", {"normalize": True}, True),
    ],
)
def test_normalisation_without_a_preprocessor(tmp_path, norm, options, expected):
    changes = LARGE if norm == "layer" else {}
    folder = checkpoints.write(tmp_path, checkpoints.make_model(**changes))
    (folder / "preprocessor_config.json").unlink()
    source = resolve(str(folder), overrides=Overrides(**options))
    assert (source.normalize_eps is not None) == expected
    assert source.sample_rate == 16_000
    assert any("16000 Hz" in note for note in source.notes)


def test_the_callers_normalisation_goes_before_the_files(tmp_path):
    folder = checkpoints.write(tmp_path, checkpoints.make_model())
    assert resolve(str(folder)).notes == ()
    source = resolve(str(folder), overrides=Overrides(normalize=False))
    assert source.normalize_eps is None
    assert "--no-normalize" in source.notes[0]
