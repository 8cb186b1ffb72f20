"""The search with a checkpoint's language model against pyctcdecode on the same emissions."""

import json
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import voxport
from support import clients, data, fakes, ngrams
from voxport.alignment.forced_alignment import log_softmax
from voxport.decoding import word_search
from voxport.decoding.beam_search import BeamSearch
from voxport.decoding.kenlm_header import check_kenlm_header
from voxport.decoding.language_model import ArpaModel, KenlmModel
from voxport.decoding.package_language_model import (
    PackageLanguageModel,
    read_package_language_model,
)
from voxport.decoding.word_scores import WordScores, WordWeights
from voxport.decoding.word_search import Spelling, search_words
from voxport.errors import InputError, IntegrityError, PackageError
from voxport.package.integrity import file_entry
from voxport.package.manifest import LanguageModelInfo

HERE = Path(__file__).parent
BINARY = HERE / "sentences.bin"  # `build_binary trie` of 20 sentences
HOT_WORDS = ["zebra", "voxport"]
SPELLING = Spelling(ngrams.LABELS, 0, ngrams.LABELS.index(" "))
MODEL = fakes.model(labels=("-", "<s>", "</s>", "<unk>", "|", *ngrams.LABELS[5:]))


@pytest.fixture(scope="module")
def words():
    return sorted({word for text in ngrams.sentences(400, 1) for word in text.split()})


@pytest.fixture(scope="module")
def arpa(tmp_path_factory):
    path = tmp_path_factory.mktemp("arpa") / "words.arpa"
    return ngrams.write_arpa(path, ngrams.sentences(400, 1))


@pytest.fixture(scope="module")
def language_model(arpa):
    return ArpaModel(arpa)


@pytest.fixture(scope="module")
def emissions():
    return ngrams.emissions(ngrams.sentences(200, 2, unheard=0.05), 3)


def text_of(labels):
    return " ".join("".join(ngrams.LABELS[label] for label in labels).split())


@pytest.mark.parametrize(("case", "hot_words"), [("plain", ()), ("hot words", HOT_WORDS)])
def test_two_hundred_texts_are_pyctcdecodes(case, hot_words, language_model, words, emissions):
    """The answers were made by ``run_pyctcdecode.py`` with a beam of 50 and a weight of 10."""
    expected = json.loads((HERE / "pyctcdecode_answers.json").read_text())[case]["texts"]
    scores = WordScores(language_model, words, WordWeights(), hot_words)
    found = [text_of(search_words(log_softmax(one), SPELLING, scores, 50)) for one in emissions]
    assert found == expected
    assert len(set(found)) > 190


@pytest.mark.parametrize("hot_words", [(), HOT_WORDS])
@pytest.mark.parametrize("weights", [{}, {"alpha": 1.2, "beta": -0.5, "score_boundary": False}])
def test_pyctcdecode_itself_finds_the_same(
    hot_words, weights, arpa, language_model, words, emissions, tmp_path
):
    """Where pyctcdecode is installed: other weights, without boundaries, and no slower."""
    folder = ngrams.write_folder(tmp_path / "folder", arpa, words, **weights)
    np.savez(tmp_path / "emissions.npz", *emissions[:60])
    arguments = (folder, tmp_path / "emissions.npz", 100, 10, *hot_words)
    answer = clients.python("run_pyctcdecode.py", "pyctcdecode", *arguments)
    scores = WordScores(language_model, words, WordWeights(**weights), hot_words)
    found = [text_of(search_words(log_softmax(one), SPELLING, scores, 100)) for one in emissions]
    assert found[:60] == answer["texts"]


@data.needs_data
@pytest.mark.slow  # two hundred recordings through the shipped model
@pytest.mark.parametrize("hot_words", [(), ("STOP", "SEVEN")])
def test_two_hundred_recordings_are_pyctcdecodes(hot_words, tmp_path):
    recognizer = voxport.load("commands", provider="cpu")
    model = recognizer.manifest.model
    labels = tuple(
        "" if index == model.blank else piece for index, piece in enumerate(model.pieces)
    )
    paths = sorted((data.DATA / "commands").glob("*/*.flac"))[::25][:160]
    paths += sorted((data.DATA / "speech" / "librispeech-test-other").rglob("*.flac"))[:50]
    emissions = [item for item in recognizer.emission(paths) if len(item)]
    heard = ["YES", "NO", "UP", "DOWN", "LEFT", "RIGHT", "ON", "OFF", "STOP", "GO", "ONE", "TWO"]
    heard += ["THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "ZERO"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(heard, rng.integers(1, 5))) for _ in range(200)]
    arpa = ngrams.write_arpa(tmp_path / "words.arpa", texts)
    folder = ngrams.write_folder(tmp_path / "folder", arpa, heard, labels)
    np.savez(tmp_path / "emissions.npz", *emissions)
    arguments = (folder, tmp_path / "emissions.npz", 100, 10, *hot_words)
    answer = clients.python("run_pyctcdecode.py", "pyctcdecode", *arguments)
    scores = WordScores(ArpaModel(arpa), heard, WordWeights(), hot_words)
    spelling = Spelling(labels, model.blank, labels.index(" "))
    found = [search_words(log_softmax(item), spelling, scores, 100) for item in emissions]
    texts = [" ".join("".join(labels[label] for label in one).split()) for one in found]
    assert len(texts) >= 200
    assert np.mean([a == b for a, b in zip(texts, answer["texts"], strict=True)]) >= 0.99


def test_forgetting_what_the_beams_have_left_changes_nothing(
    language_model, words, emissions, monkeypatch
):
    scores = WordScores(language_model, words, WordWeights(), HOT_WORDS)
    log_probs = [log_softmax(one) for one in emissions[:25]]
    kept = [search_words(one, SPELLING, scores, 20) for one in log_probs]
    monkeypatch.setattr(word_search, "_FORGET_FRAMES", 3)
    assert [search_words(one, SPELLING, scores, 20) for one in log_probs] == kept


@pytest.mark.parametrize("frames", [0, 1])
def test_an_emission_of_few_frames(frames, language_model, words):
    scores = WordScores(language_model, words, WordWeights())
    emission = np.zeros((frames, len(ngrams.LABELS)))
    emission[:, 0] = 9
    assert search_words(log_softmax(emission), SPELLING, scores, 10) == []


def test_a_start_that_no_word_has_costs_more_the_longer_it_is(language_model, words):
    scores = WordScores(language_model, words, WordWeights(), ["zebras", "zebra"], 10.0)
    assert scores.word_start("hou") == 0
    assert scores.word_start("hoq") == -10
    assert scores.word_start("houseqqqq") == pytest.approx(-15)
    assert scores.word_start("zeb") == pytest.approx(10 * 3 / 5)
    assert scores.word_start("zebras") == pytest.approx(10)


def test_the_start_of_a_sentence_counts_in_a_model_of_four_words(tmp_path):
    """A context that is shorter than the model's is kept whole."""
    path = ngrams.write_arpa(tmp_path / "words.arpa", ["a b c", "d b e"], order=4)
    model = ArpaModel(path)
    state = model.start()
    scores = []
    for word in ("a", "b", "c"):
        score, state = model.score(state, word)
        scores.append(score / math.log(10))
    grams = dict(line.split("\t")[1::-1] for line in path.read_text().splitlines() if "\t" in line)
    expected = [float(grams[gram]) for gram in ("<s> a", "<s> a b", "<s> a b c")]
    assert scores == pytest.approx(expected)


def test_kenlm_and_our_reader_score_alike_exactly(arpa, language_model):
    pytest.importorskip("kenlm", reason="kenlm is compiled where it is installed")
    theirs = KenlmModel(arpa)
    rng = np.random.default_rng(0)
    choices = [*sorted(set(ngrams.WORDS.split())), "</s>", "zebra", ""]
    for start in (True, False):
        states = [theirs.state(start), language_model.state(start)]
        for word in rng.choice(choices, 300):
            found = [
                model.score_log10(state, str(word))
                for model, state in zip((theirs, language_model), states, strict=True)
            ]
            states = [state for _, state in found]
            assert found[0][0] == pytest.approx(found[1][0], abs=1e-4)
    assert [word in theirs for word in choices] == [word in language_model for word in choices]


# A package's files ---------------------------------------------------------------------------


def describe(folder, model_path, words, **changes):
    place = folder / f"language-model{''.join(model_path.suffixes)}"
    place.write_bytes(model_path.read_bytes())
    listed = folder / "unigrams.txt"
    listed.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    settings = {"alpha": 0.5, "beta": 1.5, "unknown_score_offset": -10.0, "score_boundary": True}
    return LanguageModelInfo(
        file_entry(place),
        file_entry(listed),
        ngrams.LABELS,
        licence="CC0-1.0",
        **settings | changes,
    )


def test_a_beam_search_uses_the_packages_language_model(arpa, words, emissions, tmp_path):
    info = describe(tmp_path, arpa, words)
    package = read_package_language_model(tmp_path, info, MODEL)
    assert isinstance(package, PackageLanguageModel)
    expected = json.loads((HERE / "pyctcdecode_answers.json").read_text())["hot words"]["texts"]
    decode = BeamSearch(50, hot_words=("Zebra", "VOXPORT")).build_decoder(MODEL, package)
    for emission, text in zip(emissions[:40], expected[:40], strict=True):
        path = decode(emission)
        assert "".join(MODEL.pieces[token] for token in path.tokens) == text
        assert all(start < end for start, end in zip(path.starts, path.ends, strict=True))
    greedy = BeamSearch(50, language_model=False).build_decoder(MODEL, package)
    assert any(
        "".join(MODEL.pieces[token] for token in greedy(emission).tokens).strip() != text
        for emission, text in zip(emissions[:40], expected, strict=False)
    )


def test_a_package_without_one_says_so():
    with pytest.raises(InputError, match=r"fake: the package holds no language model: name a file"):
        BeamSearch(language_model="package").build_decoder(MODEL)


def test_a_changed_file_of_a_package_is_refused(arpa, words, tmp_path):
    info = describe(tmp_path, arpa, words)
    (tmp_path / "unigrams.txt").write_text("other\n")
    with pytest.raises(IntegrityError, match=r"unigrams\.txt: not the file"):
        read_package_language_model(tmp_path, info, MODEL)


def test_an_arpa_file_of_a_package_keeps_its_limits(words, tmp_path):
    bad = tmp_path / "bad.arpa"
    bad.write_text("\\data\\\nngram 1=99999999999\n")
    info = describe(tmp_path, bad, words)
    with pytest.raises(PackageError, match=r"language-model\.arpa: .*30000000 are the most"):
        read_package_language_model(tmp_path, info, MODEL)


# KenLM's binary format -----------------------------------------------------------------------


def test_a_binary_model_scores_as_its_arpa_file(tmp_path):
    pytest.importorskip("kenlm", reason="kenlm is compiled where it is installed")
    texts = ngrams.sentences(20, 1)
    own = ArpaModel(ngrams.write_arpa(tmp_path / "words.arpa", texts))
    known = sorted({word for text in texts for word in text.split()})
    info = describe(tmp_path, BINARY, known)
    model = read_package_language_model(tmp_path, info, MODEL).model
    states = [model.state(True), own.state(True)]
    for word in (*texts[0].split(), "zebra", *texts[1].split(), "</s>"):
        (first, states[0]), (second, states[1]) = (
            one.score_log10(state, word) for one, state in zip((model, own), states, strict=True)
        )
        assert first == pytest.approx(second, abs=1e-4)


def change(content, at, value):
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", "is no language model: neither KenLM's binary format nor ARPA"),
        (lambda _: b"GIF89a" * 100, "is no language model"),
        (lambda c: c.replace(b"version 5", b"version 4", 1), "of another version"),
        (lambda c: c[:60], "truncated or damaged: the header"),
        (lambda c: c[:100], "truncated or damaged: the header"),
        (lambda c: c[:112], "truncated: it ends within its header"),
        (lambda c: change(c, 56, b"\1\1\1\1"), "damaged: the header"),
        (lambda c: change(c, 88, b"\x63"), "damaged: its header says order 99"),
        (lambda c: change(c, 96, struct.pack("<I", 77)), "order 3 and kind 77"),
        (lambda c: change(c, 108, struct.pack("<Q", 1 << 60)), "more than its 3575 bytes hold"),
    ],
)
def test_a_file_that_is_no_binary_model_is_refused_before_kenlm_maps_it(damage, message, tmp_path):
    path = tmp_path / "words.bin"
    path.write_bytes(damage(BINARY.read_bytes()))
    with pytest.raises(InputError, match=rf"words\.bin: .*{message}"):
        check_kenlm_header(path)


def test_the_header_of_a_binary_model():
    assert check_kenlm_header(BINARY) == 3


def test_weights_of_a_package_can_be_changed(arpa, words, tmp_path):
    package = read_package_language_model(tmp_path, describe(tmp_path, arpa, words), MODEL)
    assert package.scores()._weights == WordWeights()
    assert package.scores(alpha=0.0)._weights == replace(WordWeights(), alpha=0.0)
