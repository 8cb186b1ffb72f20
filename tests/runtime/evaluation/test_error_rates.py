"""Error rates against jiwer and kaldialign called directly, and intervals by their own theory."""

import json
import math
import random

import numpy as np
import pytest

from support.data import DATA, needs_data
from voxport.evaluation.confidence import bootstrap_interval
from voxport.evaluation.error_rates import Edits, measure
from voxport.evaluation.normalizers import find_normalizer

jiwer = pytest.importorskip("jiwer", reason='needs pip install "voxport[evaluate]"')
kaldialign = pytest.importorskip("kaldialign")
pytest.importorskip("whisper_normalizer")


def spoiled(text, dice):
    """Return a text with some words dropped, doubled, cut or exchanged."""
    words = []
    for word in text.split():
        kind = dice.random()
        words += [] if kind < 0.05 else [word, word] if kind < 0.1 else [word[1:] or "x"]
        if kind > 0.2:
            words[-1] = word
    return " ".join(words)


@needs_data
@pytest.mark.parametrize("normalizer", ["plain", "leaderboard"])
def test_rates_of_real_texts_are_jiwer_s_to_the_last_digit(normalizer):
    dice, references = random.Random(5), []
    for name in ("speech/librispeech-test-other", "speech/ljspeech-coqui", "speech/vctk-autovc"):
        lines = (DATA / name / "manifest.jsonl").read_text("utf-8").splitlines()
        references += [json.loads(line)["transcript"] for line in lines]
    hypotheses = [spoiled(text, dice) for text in references]
    found = measure(references, hypotheses, normalizer, range(len(references)), resamples=10)
    normalize = find_normalizer(normalizer)
    pairs = [list(map(normalize, texts)) for texts in (references, hypotheses)]
    words, characters = jiwer.process_words(*pairs), jiwer.process_characters(*pairs)
    assert found.wer == words.wer == jiwer.wer(*pairs)
    assert found.cer == characters.cer == jiwer.cer(*pairs)
    assert found.words == Edits(words.hits, words.substitutions, words.deletions, words.insertions)
    assert found.confused_words.substitutions.total() == words.substitutions
    assert found.confused_words.deletions.total() == words.deletions
    assert found.confused_words.insertions.total() == words.insertions
    for score, one, two in zip(found.scores, *pairs, strict=True):
        assert score.words.rate == jiwer.wer(one, two)


def test_edits_are_counted_by_word():
    found = measure(["one two three", "go"], ["one to", "go go"], "plain", [0, 1])
    assert found.words == Edits(hits=2, substitutions=1, deletions=1, insertions=1)
    assert found.confused_words.substitutions == {("two", "to"): 1}
    assert found.confused_words.deletions == {"three": 1}
    assert found.confused_words.insertions == {"go": 1}
    assert found.wer == 3 / 4


def test_empty_references_count_insertions_plainly_and_are_left_out_by_the_leaderboard():
    texts = ["yes", "", "uh"], ["yes", "no no", "uh"]
    plain = measure(*texts, "plain", range(3))
    assert (plain.words.insertions, plain.wer, plain.left_out) == (2, 1.0, 0)
    leaderboard = measure(*texts, "leaderboard", range(3))
    assert (leaderboard.wer, leaderboard.left_out) == (0.0, 2)
    assert [score is None for score in leaderboard.scores] == [False, True, True]


def test_without_a_word_there_is_no_rate():
    nothing = measure([], [], "plain", [])
    assert (nothing.wer, nothing.cer, nothing.wer_interval) == (None, None, None)
    assert measure([""], ["no"], "plain", [0]).wer is None
    assert measure([""], ["no"], "leaderboard", [0]).merged_wer is None


def test_the_leaderboard_s_score_forgives_compounds():
    found = measure(["the white paper", "a"], ["the whitepaper", "a"], "leaderboard", [0, 1])
    assert found.wer == 2 / 4
    assert found.merged_wer == 0


def test_an_interval_of_independent_errors_is_the_binomial_s():
    errors = [1, 0, 0, 0] * 200
    low, high = bootstrap_interval(errors, [1] * 800, range(800), 4000)
    half = 1.96 * math.sqrt(0.25 * 0.75 / 800)
    assert low == pytest.approx(0.25 - half, abs=0.1 * half)
    assert high == pytest.approx(0.25 + half, abs=0.1 * half)


def test_recordings_of_one_speaker_are_drawn_together():
    """Sixteen copies of each recording add nothing: the interval stays as wide as without them."""
    errors = np.repeat([1, 0, 0, 0] * 50, 16).tolist()
    speakers = np.repeat(np.arange(200), 16).tolist()
    low, high = bootstrap_interval(errors, [1] * 3200, speakers, 4000)
    half = 1.96 * math.sqrt(0.25 * 0.75 / 200)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    low, high = bootstrap_interval(errors, [1] * 3200, range(3200), 4000)
    assert (high - low) / 2 == pytest.approx(half / 4, rel=0.1)


def test_an_interval_repeats_and_needs_two_groups():
    errors = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
    numbers = errors, [9, 11, 12] * 4, range(12)
    assert bootstrap_interval(*numbers) == bootstrap_interval(*numbers)
    assert bootstrap_interval(*numbers) != bootstrap_interval(*numbers, seed=1)
    assert bootstrap_interval([1, 2], [5, 5], "aa") is None
    assert bootstrap_interval([1, 2], [0, 0], "ab") is None
    assert bootstrap_interval([1, 2], [5, 5], "ab", resamples=0) is None
