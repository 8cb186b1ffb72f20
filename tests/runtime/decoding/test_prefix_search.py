"""Beam search against torch's CTC loss, against every text there is, and with a language model."""

import gzip
import math
import re
import tracemalloc
from itertools import groupby, product

import numpy as np
import pytest

import voxport
from support import data, fakes
from voxport.alignment.forced_alignment import log_softmax
from voxport.decoding import language_model
from voxport.decoding.beam_search import BeamSearch
from voxport.decoding.fusion import Fusion
from voxport.decoding.language_model import ArpaModel, read_language_model
from voxport.decoding.prefix_search import likelihoods, search
from voxport.errors import AlignmentError, InputError

LETTERS = ("-", "|", *"ABCDEGHINOSTW")


def ctc_score(log_probs, text):
    """Return the exact log-probability of a text, by torch."""
    torch = pytest.importorskip("torch")
    return -torch.nn.functional.ctc_loss(
        torch.from_numpy(log_probs).double()[:, None],
        torch.tensor([text], dtype=torch.long),
        torch.tensor([len(log_probs)]),
        torch.tensor([len(text)]),
        reduction="sum",
    ).item()


def greedy(log_probs):
    return [label for label, _ in groupby(log_probs.argmax(axis=1).tolist()) if label]


def random_emissions(count):
    rng = np.random.default_rng(0)
    for case in range(count):
        shape = (int(rng.integers(1, 60)), int(rng.integers(2, 12)))
        yield log_softmax(rng.standard_normal(shape) * (0.3, 1, 3)[case % 3])


@pytest.mark.parametrize("width", [1, 4, 25])
def test_search_is_never_less_likely_than_greedy(width):
    better = 0
    for log_probs in random_emissions(60):
        found = search(log_probs, 0, width)
        difference = ctc_score(log_probs, found) - ctc_score(log_probs, greedy(log_probs))
        assert difference >= -1e-9
        better += difference > 1e-9
    assert better > 10


@data.needs_data
@pytest.mark.parametrize("width", [1, 20])
def test_search_is_never_less_likely_than_greedy_on_real_speech(width):
    recognizer = voxport.load("commands", provider="cpu")
    for path in [*data.SAMPLES.glob("*.flac"), *data.real_speech()]:
        log_probs = log_softmax(recognizer.emission(path)).astype(np.float64)
        found = ctc_score(log_probs, search(log_probs, 0, width))
        assert found >= ctc_score(log_probs, greedy(log_probs)) - 1e-9


def test_likelihoods_equal_torchs_ctc_loss():
    rng = np.random.default_rng(1)
    for log_probs in random_emissions(20):
        labels = range(1, log_probs.shape[1])
        texts = [rng.choice(labels, size).tolist() for size in range(len(log_probs) // 3 + 1)]
        expected = [ctc_score(log_probs, text) for text in texts]
        np.testing.assert_allclose(likelihoods(log_probs, texts, 0), expected, rtol=1e-9)


def test_a_wide_beam_finds_the_best_of_all_texts():
    """A beam that holds everything finds what summing over every path finds."""
    rng = np.random.default_rng(2)
    for _ in range(10):
        log_probs = log_softmax(rng.standard_normal((5, 3)))
        totals: dict[tuple[int, ...], float] = {}
        for path in product(range(3), repeat=5):
            text = tuple(label for label, _ in groupby(path) if label)
            score = log_probs[np.arange(5), path].sum()
            totals[text] = np.logaddexp(totals.get(text, -np.inf), score)
        assert tuple(search(log_probs, 0, 1000)) == max(totals, key=totals.__getitem__)


def test_a_text_of_many_paths_beats_the_best_path():
    """The blank is best in each frame, and A is the best text: the textbook's case."""
    log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert greedy(log_probs) == []
    assert search(log_probs, 0, 5) == [1]


def test_an_empty_emission_has_no_tokens():
    assert search(np.zeros((0, 5), np.float32), 0, 5) == []
    with pytest.raises(InputError, match="at least 1"):
        search(np.zeros((1, 5)), 0, 0)


def test_times_equal_greedy_decodings_for_an_equal_text():
    [path] = data.SAMPLES.glob("one-two-three.*")
    heard = voxport.load("commands", provider="cpu").transcribe(path)
    found = voxport.load("commands", provider="cpu", decoder=BeamSearch()).transcribe(path)
    assert found.text == heard.text == "ONE TWO THREE"
    assert [(t.text, t.start, t.end) for t in found.tokens] == [
        (t.text, t.start, t.end) for t in heard.tokens
    ]
    scores = [token.score for token in heard.tokens]
    assert [token.score for token in found.tokens] == pytest.approx(scores, abs=1e-5)


# Language models and hot words

ARPA = """\\data\\
ngram 1=7
ngram 2=4

\\1-grams:
-1.0\t</s>
-99\t<s>\t-0.5
-3.0\t<unk>
-1.0\tthe\t-0.4
-1.5\tcat
-1.5\tcan\t-0.2
-1.5\tsat

\\2-grams:
-0.3\t<s> the
-0.2\tthe cat
-2.5\tthe can
-0.4\tcat sat

\\end\\
"""


@pytest.fixture
def arpa(tmp_path):
    path = tmp_path / "words.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return path


def heard(text, instead=None):
    """Return an emission of ``text``; of ``instead`` the letter is nearly as likely."""
    frames = [label for letter in text for label in (letter, "-")]
    logits = np.zeros((len(frames), len(LETTERS)), np.float32)
    for frame, letter in enumerate(frames):
        logits[frame, LETTERS.index(letter)] = 8
    place, other = instead or (0, "-")
    if instead:
        logits[2 * place, LETTERS.index(other)] = 7.5
    return logits


MODEL = fakes.model(labels=LETTERS)


def decode(emission, **options):
    return "".join(
        LETTERS[token] for token in BeamSearch(**options).build_decoder(MODEL)(emission).tokens
    )


def test_a_language_model_corrects_ambiguous_acoustics(arpa):
    emission = heard("THE|CAN|SAT", (6, "T"))
    assert decode(emission) == "THE|CAN|SAT"
    assert decode(emission, language_model=arpa) == "THE|CAT|SAT"
    assert decode(emission, language_model=arpa, alpha=0.0) == "THE|CAN|SAT"


def test_a_language_model_does_not_overrule_clear_acoustics(arpa):
    assert decode(heard("THE|CAN|SAT"), language_model=arpa) == "THE|CAN|SAT"


def test_the_end_of_the_sentence_scores_the_last_word(arpa):
    assert decode(heard("THE|CAN", (6, "T")), language_model=arpa) == "THE|CAT"


def test_arpa_scores(arpa):
    model = ArpaModel(arpa)
    state = model.start()
    scores = []
    for word in ("THE", "cat", "the", "dog", "</s>"):
        score, state = model.score(state, word)
        scores.append(round(score / math.log(10), 6))
    assert scores == [-0.3, -0.2, -1.0, -3.4, -1.0]


def test_a_compressed_arpa_file(arpa, tmp_path):
    path = tmp_path / "words.arpa.gz"
    path.write_bytes(gzip.compress(ARPA.encode()))
    assert decode(heard("THE|CAN", (6, "T")), language_model=path) == "THE|CAT"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no n-grams"),
        ("\\1-grams:\n-1.0\n", "line 2 is no 1-gram"),
        ("\\1-grams:\nx\tthe\n", "line 2: expected a number, got 'x'"),
    ],
)
def test_files_without_n_grams_are_refused(tmp_path, content, message):
    path = tmp_path / "words.arpa"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        decode(heard("A"), language_model=path)
    with pytest.raises(InputError, match="No such file"):
        decode(heard("A"), language_model=tmp_path / "no.arpa")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (slice(0, -1), r"truncated: there is no \\end\\ behind its n-grams"),
        (slice(0, -3), "its head promises 4 2-grams, and there are 3"),
        (slice(0, 12), "its head promises 4 2-grams, and there are 0"),
        (slice(0, 3), "its head promises 7 1-grams, and there are 0"),
        (slice(0, 8), "its head promises 7 1-grams, and there are 3"),
        (slice(3, None), r"its head \(\\data\\\) has no line 'ngram 1=…'"),
    ],
)
def test_a_truncated_arpa_file_is_refused(tmp_path, lines, message):
    path = tmp_path / "words.arpa"
    path.write_text("".join(ARPA.splitlines(keepends=True)[lines]), encoding="utf-8")
    with pytest.raises(InputError, match=rf"words\.arpa: .*{message}"):
        decode(heard("A"), language_model=path)


def test_a_truncated_compressed_arpa_file_is_refused(tmp_path):
    path = tmp_path / "words.arpa.gz"
    path.write_bytes(gzip.compress(ARPA.encode())[:-12])
    with pytest.raises(InputError, match=r"words\.arpa\.gz: truncated or damaged: Compressed"):
        decode(heard("A"), language_model=path)


def test_a_word_named_ngram_is_no_count(tmp_path):
    path = tmp_path / "words.arpa"
    text = ARPA.replace("cat", "ngram").replace("ngram 1=7", "ngram 1 =\t7")
    path.write_text(text, encoding="utf-8")
    assert ArpaModel(path).score((), "ngram")[0] == pytest.approx(-1.5 * math.log(10))


def write_arpa(folder, words, bigrams=(), name="words.arpa"):
    """Write a model of ``words`` and ``bigrams``, each a line of the file."""
    lines = ["\\data\\", f"ngram 1={len(words)}"]
    lines += [f"ngram 2={len(bigrams)}"] * bool(bigrams)
    lines += ["", "\\1-grams:", *words]
    lines += ["", "\\2-grams:", *bigrams] if bigrams else []
    path = folder / name
    text = "\n".join([*lines, "", "\\end\\", ""])
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


WORDS = ("-1 <s> 0", "-1 </s>", "-2 <unk>", "-0.7 the", "-0.7 can", "-0.7 cat", "-0.7 sat")


@pytest.mark.parametrize("zero", ["-inf", "-99", "-1e308", "-1e999", "-Infinity", "-200"])
@pytest.mark.parametrize("word", ["<unk>", "</s>", "can", "cat"])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 3.0])
def test_a_probability_of_zero_is_finite(tmp_path, zero, word, alpha):
    words = [line if line.split()[1] != word else f"{zero} {word}" for line in WORDS]
    path = write_arpa(tmp_path, words)
    score = ArpaModel(path).score((), word)[0]
    assert score == pytest.approx(-99 * math.log(10))
    clear = heard("THE|CAN|SAT")
    found = decode(clear, language_model=path, alpha=alpha)
    assert found == "THE|CAN|SAT" or (found and word in ("can", "</s>") and alpha)


def test_texts_that_are_all_impossible_are_chosen_by_the_acoustics(tmp_path):
    words = [f"-inf {line.split()[1]}" for line in WORDS]
    path = write_arpa(tmp_path, words)
    assert decode(heard("THE|CAN|SAT"), language_model=path, beta=0.0, alpha=0.0) == "THE|CAN|SAT"
    assert decode(heard("CAN"), language_model=path) in ("CAN", "")


def test_kenlms_numbers_are_finite_too(tmp_path):
    pytest.importorskip("kenlm", reason="kenlm is compiled where it is installed")
    words = ["-inf <unk>" if "<unk>" in line else line for line in WORDS]
    words = ["\t".join(line.split()) for line in words]
    path = write_arpa(tmp_path, words, ["-0.3\t<s> the"], name="words.klm")
    model = read_language_model(path)
    assert model.score(model.start(), "dog")[0] == pytest.approx(-99 * math.log(10))
    assert decode(heard("THE|CAN|SAT"), language_model=path, alpha=0.0) == "THE|CAN|SAT"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nan cat", "line 10: expected a number, got 'nan'"),
        ("-1 cat nan", "expected a number, got 'nan'"),
        ("inf cat", "inf is the logarithm of no probability"),
        ("0.5 cat", "0.5 is the logarithm of no probability"),
        ("-1 cat inf", "inf is no logarithm of a back-off weight"),
        ("-1 cat 1e300", "1e300 is no logarithm of a back-off weight"),
        ("-1_0 cat", "expected a number, got '-1_0'"),
        ("-1", "line 10 is no 1-gram: '-1'"),
        ("-1\t\t", "line 10 is no 1-gram"),
        ("-1 cat dog -1", "line 10 is no 1-gram"),
        ("-1 the", "line 10 has 'the' a second time"),
    ],
)
def test_an_n_gram_that_makes_no_sense_is_refused_by_its_line(tmp_path, line, message):
    path = write_arpa(tmp_path, [item if "cat" not in item else line for item in WORDS])
    with pytest.raises(InputError, match=rf"words\.arpa: .*{re.escape(message)}"):
        ArpaModel(path)


def test_an_n_gram_of_an_unknown_word_is_refused(tmp_path):
    path = write_arpa(tmp_path, WORDS, ["-0.3 <s> the", "-0.3 the dog"])
    with pytest.raises(InputError, match="line 16 has 'dog', which is no 1-gram"):
        ArpaModel(path)


def test_white_space_in_an_arpa_file(tmp_path):
    """Only blanks and tabs part fields; a byte order mark and line ends of Windows do no harm."""
    path = write_arpa(tmp_path, ["-1 <s>", "  -1\t\t</s>  ", "-0.7 new\u00a0york\t-0.1 "])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    model = ArpaModel(path)
    assert model.score((), "new\u00a0york")[0] == pytest.approx(-0.7 * math.log(10))


def test_a_compressed_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    """Within its limits of memory: 64 MB of blanks, of one line, of n-grams beyond the head's."""
    path = tmp_path / "words.arpa.gz"
    monkeypatch.setattr(language_model, "_UNPACKED_CHARACTERS", 1 << 22)
    head = b"\\data\\\nngram 1=2\n\n\\1-grams:\n"
    for tail, message in (
        (b"\n" * (1 << 26), "unpacks to more than 4 MB"),
        (b"a" * (1 << 26), "a line has more than 65536 characters"),
        (
            b"".join(b"-1 w%d\n" % i for i in range(1000)),
            "promises 2 1-grams, .* at least 3",
        ),
    ):
        path.write_bytes(gzip.compress(head + tail, 1))
        tracemalloc.start()
        with pytest.raises(InputError, match=message):
            ArpaModel(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4e6
    path.write_bytes(gzip.compress(b"\\data\\\nngram 1=99999999999\n"))
    with pytest.raises(InputError, match="promises 99999999999 n-grams, and 30000000 are the most"):
        ArpaModel(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_emission_that_is_not_finite_is_refused(value):
    with pytest.raises(InputError, match="not finite"):
        search(np.full((5, 4), value), 0, 5)


def test_a_hot_word():
    emission = heard("THE|CAN|SAT", (6, "T"))
    assert decode(emission, hot_words=("cat",)) == "THE|CAT|SAT"
    assert decode(emission, hot_words=("cat",), hot_weight=0.1) == "THE|CAN|SAT"
    assert decode(heard("CAN"), hot_words=("cats", "dog")) == "CAN"


def test_an_incomplete_hot_word_earns_nothing():
    fusion = Fusion(MODEL, hot_words=("cats",))
    for text, earned in (("CATS", 5), ("CAT", 0), ("CATSA", 0), ("A|CATS|A", 5), ("ACATS", 0)):
        assert fusion.text_bonus([LETTERS.index(letter) for letter in text]) == pytest.approx(
            earned
        )


def test_hot_words_need_labels_and_words():
    with pytest.raises(AlignmentError, match="no label spells all of 'cat5'"):
        decode(heard("A"), hot_words=("cat5",))
    with pytest.raises(InputError, match="no word delimiter"):
        BeamSearch(hot_words=("a",)).build_decoder(fakes.model(word_delimiter=None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "a beam holds at least 1 prefix, got 0"),
        ({"hot_words": "stop"}, "hot_words must be a list of words, got 'stop'"),
        ({"hot_words": (None,)}, "hot_words must be a list of words"),
        ({"alpha": -0.5}, "alpha must be at least 0, got -0.5"),
        ({"beta": math.nan}, "beta must be a finite number, got nan"),
        ({"hot_weight": "5"}, "hot_weight must be a finite number, got '5'"),
        ({"beta": 1e308}, r"beta must be at most 1000000, got 1e\+308"),
        ({"alpha": 1e7}, "alpha must be at most 1000000"),
        ({"hot_weight": -1e300}, "hot_weight must be at most 1000000"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        BeamSearch(**options)


def test_binary_models_need_kenlm(without, tmp_path):
    without("kenlm")
    with pytest.raises(voxport.MissingDependencyError, match=r'pip install "voxport\[lm\]"'):
        decode(heard("A"), language_model=tmp_path / "words.bin")


def test_kenlm_and_our_reader_score_alike(arpa, tmp_path):
    pytest.importorskip("kenlm", reason="kenlm is compiled where it is installed")
    other = arpa.rename(tmp_path / "words.klm")  # kenlm knows both formats by their content
    theirs, own = read_language_model(other), ArpaModel(other)
    states = [theirs.start(), own.start()]
    for word in ("THE", "cat", "sat", "the", "can", "dog", "</s>"):
        scores = []
        for place, model in enumerate((theirs, own)):
            score, states[place] = model.score(states[place], word)
            scores.append(score)
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert decode(heard("THE|CAN", (6, "T")), language_model=other) == "THE|CAT"
    other.write_bytes(b"mmap lm http://kheafield.com/code format version 5")
    with pytest.raises(InputError, match=r"words\.klm: cannot be read"):
        decode(heard("A"), language_model=other)
