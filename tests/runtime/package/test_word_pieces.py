"""Labels that are pieces of words: text, words and times; alignment and fusion refuse them."""

import numpy as np
import pytest

import voxport
from support import fakes
from voxport.alignment.spelling import Speller
from voxport.backends.contract import join_pieces
from voxport.decoding.fusion import Fusion
from voxport.errors import AlignmentError, InputError
from voxport.package.word_pieces import drop_first_space, has_word_pieces
from voxport.transcript.transcript import TokenPath, build_transcript

PIECES = ("<pad>", " the", " c", "at", "", " ", "s")
MODEL = fakes.model(labels=PIECES, word_delimiter=None)


def transcript(*tokens, model=MODEL):
    count = len(tokens)
    path = TokenPath(list(tokens), list(range(count)), list(range(1, count + 1)), [1.0] * count)
    return build_transcript(path, 100.0, model)


@pytest.mark.parametrize(
    ("tokens", "text", "words"),
    [
        ((), "", []),
        ((1,), "the", ["the"]),
        ((1, 2, 3, 6), "the cats", ["the", "cats"]),
        ((3, 6, 1), "ats the", ["ats", "the"]),
        ((4, 1, 4, 2, 3), "the cat", ["the", "cat"]),
        ((4,), "", []),
    ],
)
def test_a_piece_with_a_space_begins_a_word(tokens, text, words):
    found = transcript(*tokens)
    assert found.text == text == "".join(token.text for token in found.tokens)
    assert [word.text for word in found.words] == words
    assert join_pieces(np.array([[*tokens, -1]], np.int64), MODEL.pieces) == [text]


def test_a_word_has_the_times_of_its_pieces():
    word = transcript(1, 4, 2, 3).words[1]
    stride = fakes.STRIDE / fakes.RATE
    assert (word.start, word.end) == (2 * stride, 4 * stride)


def test_a_label_without_text_is_in_no_word():
    model = fakes.model(labels=("-", "|", "A", ""), word_delimiter="|")
    found = transcript(3, 2, 1, 3, 1, 2, model=model)
    assert (found.text, [word.text for word in found.words]) == ("A  A", ["A", "A"])
    assert found.words[0].start == fakes.STRIDE / fakes.RATE


def test_letters_and_phonemes_are_no_pieces():
    for labels in (("-", "|", "A"), ("-", "h ", "a "), ("-", " ", "a")):
        assert not has_word_pieces(labels)
    assert drop_first_space(["", " a", " b"]) == ["", "a", " b"]


def test_a_known_text_is_refused_with_the_reason():
    with pytest.raises(AlignmentError, match="pieces of words, which spell a text in many ways"):
        Speller(MODEL)


@pytest.mark.parametrize("delimiter", [None, " "])
def test_hot_words_are_refused_with_the_reason(delimiter):
    model = fakes.model(labels=PIECES, word_delimiter=delimiter)
    with pytest.raises(InputError, match="labels that are letters, and this model's are pieces"):
        Fusion(model, hot_words=["the"])


def test_a_beam_without_a_language_model_decodes_pieces():
    decode = voxport.BeamSearch(width=4).build_decoder(MODEL)
    emission = np.full((4, len(PIECES)), -9.0, np.float32)
    emission[[0, 1, 2, 3], [1, 0, 2, 3]] = 9.0
    assert decode(emission).tokens == [1, 2, 3]
