"""Labels of every kind of tokenizer, against transformers' own decoder on the same tokens."""

import json
import random
from itertools import groupby

import pytest

from support import checkpoints
from voxport_export.errors import SourceError
from voxport_export.sources.checkpoint import Checkpoint
from voxport_export.sources.vocabulary import read_vocabulary

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

LETTERS = ["E", "T", "A", "O", "I", "N", "'", "É"]
PHONES = ["h", "ə", "l", "oʊ", "aɪ", "tʃ", "ɛ", "n"]  # noqa: RUF001
PIECES = ["▁", "▁the", "▁c", "s", "at", "▁on", "er", "é"]


def numbered(*tokens):
    return {token: index for index, token in enumerate(tokens)}


def write(folder, vocab=None, files=None, pad_token_id=0, **settings):
    """Write a tokenizer's files, and a config.json with the blank."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"pad_token_id": pad_token_id}))
    if vocab is not None:
        (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "tokenizer_config.json").write_text(json.dumps({**checkpoints.TOKENIZER, **settings}))
    for name, content in (files or {}).items():
        (folder / name).write_text(json.dumps(content))
    return folder


def read(folder, outputs, **choices):
    return read_vocabulary(
        Checkpoint(str(folder)), outputs, choices.get("language"), choices.get("blank")
    )


BASE = numbered("<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS)
# vocabulary, files beside it, fields of tokenizer_config.json
KINDS = {
    "characters": (BASE, {}, {}),
    "lower case": (BASE, {}, {"do_lower_case": True}),
    "no delimiter": (BASE, {}, {"word_delimiter_token": None}),
    "an unused delimiter": (numbered("<pad>", "<s>", "</s>", "<unk>", *LETTERS), {}, {}),
    "another delimiter": (BASE, {}, {"replace_word_delimiter_char": "_"}),
    "brackets": (
        numbered("[PAD]", "[UNK]", "|", *LETTERS),
        {},
        {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": None, "eos_token": None},
    ),
    "added tokens": (
        BASE,
        {"added_tokens.json": {"<x>": 13, "ch": 14}},
        {"additional_special_tokens": ["<x>"]},
    ),
    "an added tokens decoder": (
        BASE,
        {},
        {
            "added_tokens_decoder": {
                "13": {"content": "ch", "special": False},
                "14": {"content": "<x>", "special": True},
            },
            "extra_special_tokens": ["<x>"],
        },
    ),
    "a map of special tokens": (
        {"[UNK]" if token == "<unk>" else token: index for token, index in BASE.items()},
        {"special_tokens_map.json": {"unk_token": "[UNK]"}},
        {},
    ),
    "a special token beyond the head": (
        numbered("<pad>", "|", *LETTERS),
        {"added_tokens.json": {"<s>": 10, "</s>": 11}},
        {"unk_token": None},
    ),
    "a letter as special token": (BASE, {}, {"mask_token": "E"}),
}


def greedy_texts(folder, tokenizer, outputs, rounds=200):
    """Yield our text and the tokenizer's, for random paths with repeats, blanks and specials."""
    vocabulary = read(folder, outputs)
    pieces = [" " if t == vocabulary.word_delimiter else t for t in vocabulary.labels]
    rng = random.Random(0)
    for _ in range(rounds):
        path = [rng.randrange(outputs) for _ in range(rng.randrange(40))]
        path = [label for label in path for _ in range(rng.choice((1, 1, 2)))]
        tokens = [label for label, _ in groupby(path) if label != vocabulary.blank]
        # The order of the tutorial's decoder: repeats are joined before blanks are removed.
        text = tokenizer.decode(tokens, group_tokens=False)
        yield "".join(pieces[token] for token in tokens), text


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_those_of_the_tokenizers_own_decoder(tmp_path, kind):
    vocab, files, settings = KINDS[kind]
    folder = write(tmp_path / "model", vocab, files, **settings)
    tokenizer = transformers.Wav2Vec2CTCTokenizer.from_pretrained(str(folder))
    for ours, theirs in greedy_texts(folder, tokenizer, len(vocab)):
        assert ours.strip() == theirs


def test_phonemes_are_those_of_the_tokenizers_own_decoder(tmp_path):
    vocab = numbered("<pad>", "<s>", "</s>", "<unk>", *PHONES, "|")
    for delimiter in (None, "|"):
        settings = {"tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer", "do_phonemize": False}
        folder = write(tmp_path / "model", vocab, word_delimiter_token=delimiter, **settings)
        tokenizer = transformers.Wav2Vec2PhonemeCTCTokenizer.from_pretrained(str(folder))
        for ours, theirs in greedy_texts(folder, tokenizer, len(vocab)):
            assert ours.strip() == theirs


def test_one_language_of_a_nested_vocabulary_is_read(tmp_path):
    other = numbered("<pad>", "<s>", "</s>", "<unk>", "|", *"абвгдежз")
    folder = write(tmp_path / "model", {"eng": BASE, "rus": other}, target_lang="eng")
    assert read(folder, len(BASE)).labels[5] == "E"
    assert read(folder, len(BASE), language="rus").labels[5] == "а"  # noqa: RUF001


# Word pieces ------------------------------------------------------------------------------------


def fast_tokenizer(kind):
    tokens = ["<unk>", *PIECES]
    if kind == "Unigram":
        core = tokenizers.models.Unigram([(token, -1.0) for token in tokens], unk_id=0)
    elif kind == "BPE":
        core = tokenizers.models.BPE(numbered(*tokens), [], unk_token="<unk>")
    else:
        core = tokenizers.models.WordLevel(numbered(*tokens), unk_token="<unk>")
    tokenizer = tokenizers.Tokenizer(core)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "<pad>"])
    tokenizer.add_tokens(["xyz"])
    return tokenizer


def write_pieces(folder, tokenizer):
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    blank = tokenizer.token_to_id("<pad>")
    (folder / "config.json").write_text(json.dumps({"pad_token_id": blank}))
    fields = {"tokenizer_class": "ParakeetTokenizer", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(fields))
    return folder


@pytest.mark.parametrize("kind", ["Unigram", "BPE", "WordLevel"])
def test_word_pieces_are_those_of_the_tokenizers_own_decoder(tmp_path, kind):
    tokenizer = fast_tokenizer(kind)
    folder = write_pieces(tmp_path / "model", tokenizer)
    theirs = transformers.AutoTokenizer.from_pretrained(str(folder))
    outputs = tokenizer.get_vocab_size()
    vocabulary = read(folder, outputs)
    assert vocabulary.blank == tokenizer.token_to_id("<pad>")
    assert vocabulary.labels[2:4] == (" the", " c")
    rng = random.Random(0)
    for _ in range(200):
        path = [rng.randrange(outputs) for _ in range(rng.randrange(40))]
        path = [label for label in path for _ in range(rng.choice((1, 1, 2)))]
        tokens = [label for label, _ in groupby(path) if label != vocabulary.blank]
        text = "".join(vocabulary.labels[token] for token in tokens)
        assert text.lstrip(" ") == theirs.decode(tokens, group_tokens=False).lstrip(" ")


def test_a_decoder_of_another_kind_is_refused_by_its_name(tmp_path):
    tokenizer = fast_tokenizer("BPE")
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    folder = write_pieces(tmp_path / "model", tokenizer)
    with pytest.raises(SourceError, match=r"tokenizer\.json: the decoder 'ByteLevel' is not"):
        read(folder, tokenizer.get_vocab_size())


# The blank --------------------------------------------------------------------------------------


def test_the_blank_of_the_vocabulary_comes_first(tmp_path):
    """As in mms-300m-1130-forced-aligner."""
    vocab = numbered("<blank>", "<pad>", "</s>", "<unk>", *"aienoutsrmkldghybpwcvjzf'qx")
    folder = write(tmp_path / "model", vocab, pad_token_id=1)
    found = read(folder, len(vocab))
    assert (found.labels[found.blank], found.blank) == ("<blank>", 0)
    assert found.labels[1] == "<pad>"


def test_the_configurations_padding_comes_before_the_tokenizers(tmp_path):
    """As in a conversion of omniASR: fairseq2's blank is <s>."""
    vocab = numbered("<s>", "<pad>", "</s>", "<unk>", " ", *LETTERS)
    folder = write(tmp_path / "model", vocab, pad_token_id=0)
    found = read(folder, len(vocab))
    assert (found.blank, found.word_delimiter) == (0, " ")
    assert "disagree" in found.notes[0]


def test_a_letter_is_no_blank_of_a_configuration(tmp_path):
    vocab = numbered(*LETTERS, "|", "[UNK]", "[PAD]")
    folder = write(tmp_path / "model", vocab, pad_token_id=0, pad_token="[PAD]", unk_token="[UNK]")
    assert read(folder, len(vocab)).blank == vocab["[PAD]"]


def test_the_last_output_is_a_blank_without_a_token(tmp_path):
    """As in NeMo's models."""
    vocab = numbered(*PIECES)
    none = dict.fromkeys(("pad_token", "bos_token", "eos_token", "unk_token"))
    folder = write(tmp_path / "model", vocab, pad_token_id=len(vocab), **none)
    found = read(folder, len(vocab) + 1)
    assert (found.blank, found.labels[-1]) == (len(vocab), "<blank>")


@pytest.mark.parametrize(("given", "index"), [("|", 4), ("E", 5), ("<s>", 1), ("2", 2)])
def test_the_caller_names_the_blank(tmp_path, given, index):
    folder = write(tmp_path / "model", BASE)
    found = read(folder, len(BASE), blank=given)
    assert found.blank == index
    assert "by --blank" in found.notes[0]


def test_a_blank_that_is_no_label_is_refused(tmp_path):
    folder = write(tmp_path / "model", BASE)
    with pytest.raises(SourceError, match=r"--blank '\?' is not one of its 13 labels"):
        read(folder, len(BASE), blank="?")


# Files of another model -------------------------------------------------------------------------


def test_labels_beyond_the_head_are_refused(tmp_path):
    folder = write(tmp_path / "model", {**BASE, "X": 13, "Y": 14})
    with pytest.raises(SourceError, match=r"vocab\.json does not fit .* 13 outputs: the label 'X'"):
        read(folder, len(BASE))


def test_a_head_with_outputs_of_no_label_is_refused(tmp_path):
    folder = write(tmp_path / "model", BASE)
    with pytest.raises(SourceError, match=r"vocab\.json does not fit .* 32 outputs: 19 of them"):
        read(folder, 32)


def test_a_tokenizer_of_another_kind_is_refused(tmp_path):
    folder = write(tmp_path / "model", BASE, tokenizer_class="BertTokenizer")
    with pytest.raises(SourceError, match=r"tokenizer_class 'BertTokenizer' is not one of"):
        read(folder, len(BASE))
