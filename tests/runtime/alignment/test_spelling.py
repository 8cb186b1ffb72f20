import pytest

from support import fakes
from voxport.alignment.spelling import Speller, Unspelled
from voxport.errors import AlignmentError

UPPER = ("-", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "'")
LOWER = tuple("-aienoutsrmkldghybpwcvjzf'qx")  # as MMS_FA: no delimiter


def spelled(text, labels=UPPER, **changes):
    """The labels joined, the words' numbers, and the spelling."""
    found = Speller(fakes.model(labels=labels, **changes)).spell(text)
    assert len(found.tokens) == len(found.words)
    joined = "".join((*labels, "*")[token] for token in found.tokens)
    return joined, found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ONE TWO", "ONE|TWO"),
        ("  one\n\ttwo ", "ONE|TWO"),
        ("Don\u2019t, won't!", "DON'T|WON'T"),
        ("'tis \u2018so,\u2019 the dogs'", "'TIS|SO|THE|DOGS'"),
        ("“Well…” — (she said).", "WELL|SHE|SAID"),
        ("twenty-one", "TWENTY|ONE"),
        ("-well- --", "WELL"),
        ("Café naïve Ångström", "CAFE|NAIVE|ANGSTROM"),
        ("Straße", "STRASSE"),
        ("ﬁne", "FINE"),
        ("Cafe\u0301", "CAFE"),
        ("zero\u200bwidth", "ZEROWIDTH"),
    ],
)
def test_spelled_whole(text, expected):
    joined, found = spelled(text)
    assert joined == expected
    assert found.unspelled == ()


@pytest.mark.parametrize(
    ("text", "expected", "missing"),
    [
        ("route 66 west", "ROUTE|*|WEST", [("66", "66")]),
        ("the 3rd", "THE|*RD", [("3rd", "3")]),
        ("salt & pepper", "SALT|*|PEPPER", [("&", "&")]),
        ("5 % of A", "*|*|OF|A", [("5", "5"), ("%", "%")]),
        ("say 東京 now", "SAY|*|NOW", [("東京", "東京")]),
        ("1,000.50 a", "*|A", [("1,000.50", "100050")]),
        ("A|B", "A*B", [("A|B", "|")]),
        ("so 😀", "SO|*", [("😀", "😀")]),
    ],
)
def test_what_no_label_spells_is_held_by_a_star_and_reported(text, expected, missing):
    joined, found = spelled(text)
    assert joined == expected
    assert found.unspelled == tuple(Unspelled(*item) for item in missing)


def test_a_star_that_is_asked_for():
    joined, found = spelled("* one *")
    assert joined == "*|ONE|*"
    assert found.texts == ["*", "one", "*"]
    assert found.unspelled == ()


def test_words_keep_their_looks_and_know_their_labels():
    _, found = spelled("Well, twenty-one … 66!")
    assert found.texts == ["Well,", "twenty-one", "66!"]
    assert found.words == [0] * 4 + [None] + [1] * 10 + [None] + [2]


def test_without_a_delimiter():
    joined, found = spelled("One two-three", LOWER, word_delimiter=None)
    assert joined == "onetwothree"
    assert found.words == [0] * 3 + [1] * 8


def test_labels_that_are_digits_or_several_letters():
    labels = ("<pad>", "<s>", "|", "a", "b", "ch", "c", "h", "4")
    _, found = spelled("Chab 4<s>", labels)
    assert [(*labels, "*")[token] for token in found.tokens] == ["ch", "a", "b", "|", "4", "*"]
    assert found.unspelled == (Unspelled("4<s>", "<s>"),)


@pytest.mark.parametrize("text", ["", " ", "12 34", "…", "*", "東京 *"])
def test_nothing_to_spell(text):
    with pytest.raises(AlignmentError, match="can be spelled with the model's labels: A B C"):
        spelled(text)
