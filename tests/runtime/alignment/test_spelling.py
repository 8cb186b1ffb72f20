"""Texts spelled with labels in every normal form, and what no label spells."""

import importlib
import sys
import unicodedata

import pytest

from support import fakes
from voxport.alignment.spelling import Speller, Unspelled
from voxport.errors import AlignmentError

UPPER = ("-", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "'")
LOWER = tuple("-aienoutsrmkldghybpwcvjzf'qx")  # as MMS_FA: no delimiter


def spelled(text, labels=UPPER, **changes):
    """Return the labels joined, and the spelling."""
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
        ("\u1e9eTRA\u1e9eE", "SSTRASSE"),  # the capital of ß
        ("\u212bngstr\u006f\u0308m", "ANGSTROM"),  # the unit's sign; decomposed ö
    ],
)
def test_texts_that_labels_spell_whole(text, expected):
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
        ("key 1\ufe0f\u20e3", "KEY|*", [("1\ufe0f\u20e3", "1\u20e3")]),
        ("a \uff15\uff05", "A|*", [("\uff15\uff05", "\uff15\uff05")]),  # full-width 5%
        ("sm\u00f8r", "SM*R", [("sm\u00f8r", "\u00f8")]),
    ],
)
def test_a_star_holds_and_reports_characters_without_a_label(text, expected, missing):
    joined, found = spelled(text)
    assert joined == expected
    assert found.unspelled == tuple(Unspelled(*item) for item in missing)


def test_a_star_in_the_text_is_not_reported():
    joined, found = spelled("* one *")
    assert joined == "*|ONE|*"
    assert found.texts == ["*", "one", "*"]
    assert found.unspelled == ()


def test_words_keep_their_punctuation_and_know_their_labels():
    _, found = spelled("Well, twenty-one … 66!")
    assert found.texts == ["Well,", "twenty-one", "66!"]
    assert found.words == [0] * 4 + [None] + [1] * 10 + [None] + [2]


def test_no_delimiter_joins_words():
    joined, found = spelled("One two-three", LOWER, word_delimiter=None)
    assert joined == "onetwothree"
    assert found.words == [0] * 3 + [1] * 8


def test_labels_that_are_digits_or_several_letters():
    labels = ("<pad>", "<s>", "|", "a", "b", "ch", "c", "h", "4")
    _, found = spelled("Chab 4<s>", labels)
    assert [(*labels, "*")[token] for token in found.tokens] == ["ch", "a", "b", "|", "4", "*"]
    assert found.unspelled == (Unspelled("4<s>", "<s>"),)


@pytest.mark.parametrize("text", ["", " ", "12 34", "…", "*", "東京 *"])
def test_a_text_without_any_label_is_refused(text):
    with pytest.raises(AlignmentError, match="can be spelled with the model's labels: A B C"):
        spelled(text)


def model(*labels, **changes):
    return fakes.model(labels=("<pad>", "|", *labels), **changes)


def labels_of(text, *labels):
    """Return the labels of a text one by one, and what is unspelled, joined."""
    found = Speller(model(*labels)).spell(text)
    names = ("<pad>", "|", *labels, "*")
    missing = "".join(item.characters for item in found.unspelled)
    return [names[token] for token in found.tokens], missing


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("\u09b9\u09df", ["\u09b9", "\u09df"]),  # Bengali ya, a composition exclusion
        ("\u09dc\u09dd", ["\u09dc", "\u09dd"]),
        ("\u0932\u095c", ["\u0932", "\u095c"]),  # Hindi dda
        ("\u0958\u0959\u095a", ["\u0958", "\u0959", "\u095a"]),
        ("\u0a36", ["\u0a36"]),  # Gurmukhi
        ("\ufb2a\ufb2b", ["\ufb2a", "\ufb2b"]),  # Hebrew presentation forms
        ("e\u0301a", ["\u00e9", "a"]),
        ("\u1ec7", ["\u1ec7"]),  # Vietnamese: two marks
        ("\uc548\ub155", ["\uc548", "\ub155"]),  # Hangul syllables
        ("\u304c", ["\u304c"]),  # kana with voicing
    ],
)
def test_a_label_is_found_in_any_normal_form(text, labels, form):
    for label_form in ("NFC", "NFD"):
        written = [unicodedata.normalize(label_form, label) for label in labels]
        assert labels_of(unicodedata.normalize(form, text), *written) == (written, "")


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("\u00e8\u00e1", ["e", "a", "\u0300", "\u0301"], ["e", "\u0300", "a", "\u0301"]),
        ("\u00c8", ["e", "\u0300"], ["e", "\u0300"]),
        ("\u1ec7", ["\u00ea", "\u0323"], ["\u00ea", "\u0323"]),  # the other mark is its own
        ("\u1ec7", ["\u00ea", "e"], ["\u00ea"]),  # as many marks as one label has
        ("\u304c", ["\u304b", "\u3099"], ["\u304b", "\u3099"]),
        ("\uc548", ["\u110b", "\u1161", "\u11ab"], ["\u110b", "\u1161", "\u11ab"]),
        ("\uc548", ["\u3147", "\u314f", "\u3134"], ["\u3147", "\u314f", "\u3134"]),
        ("\u0995\u09c1", ["\u0995", "\u09c1"], ["\u0995", "\u09c1"]),
    ],
)
def test_labels_that_are_combining_marks_or_jamo(text, labels, expected):
    assert labels_of(text, *labels) == (expected, "")


@pytest.mark.parametrize("label", ["'", "\u2019", "\u02bc", "\u2018", "\uff07", "`"])
@pytest.mark.parametrize("written", ["'", "\u2019", "\u02bc", "\u2018", "\uff07", "`", "\u00b4"])
def test_any_apostrophe_finds_the_models_own(label, written):
    assert labels_of(f"d{written}a", "d", "a", label) == (["d", label, "a"], "")


def test_the_apostrophe_of_the_text_comes_first():
    assert labels_of("a\u2019a'", "a", "'", "\u2019")[0] == ["a", "\u2019", "a", "'"]


@pytest.mark.parametrize(
    ("text", "labels", "expected", "missing"),
    [
        ("\u09a1\u09bc", ["\u09a1"], ["\u09a1"], "\u09bc"),  # a nukta: another letter
        ("\u0995\u09c1", ["\u0995"], ["\u0995", "*"], "\u09c1"),  # a vowel sign: a sound
        (
            "\u0939\u093f\u0928\u094d",
            ["\u0939", "\u0928"],
            ["\u0939", "*", "\u0928"],
            "\u093f\u094d",
        ),
        ("\u304c", ["\u304b"], ["\u304b"], "\u3099"),
        ("\u0e01\u0e34\u0e48", ["\u0e01"], ["\u0e01", "*"], "\u0e34\u0e48"),  # Thai vowel and tone
        ("a\u00e9", ["a"], ["a", "*"], "\u00e9"),  # with its accent
    ],
)
def test_a_dropped_letter_is_always_reported(text, labels, expected, missing):
    assert labels_of(text, *labels) == (expected, missing)
    with pytest.raises(AlignmentError, match="no label spells all of"):
        Speller(model(*labels)).spell_words(text)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("\u05e9\u05c1\u05b8\u05dc", ["\u05e9", "\u05dc"]),  # Hebrew points
        ("\u0645\u064f\u062d", ["\u0645", "\u062d"]),  # Arabic vowel signs
        ("\u0645\u0640\u0640\u062d", ["\u0645", "\u062d"]),  # drawn out
    ],
)
def test_points_that_a_text_may_leave_out_are_not_reported(text, labels):
    assert labels_of(text, *labels) == (labels, "")


def test_every_letter_of_every_script_is_spelled_or_reported():
    """Of all letters and vowel signs in Unicode none vanishes; the label itself is always found."""
    speller = Speller(model("\u2603"))
    for code in [*range(0x250, 0x3400), *range(0x3400, 0x30000, 37)]:
        character = chr(code)
        category = unicodedata.category(character)
        if category[0] == "L" and character != "\u0640":
            found = speller.spell(f"\u2603 {character}")
            assert found.unspelled, f"{code:04X}"
    for code in [*range(0xA0, 0x3400, 3), *range(0xF900, 0xFFF0)]:
        character = chr(code)
        if unicodedata.category(character)[0] == "L":
            assert labels_of(character, character) == ([character], ""), f"{code:04X}"


def test_scripts_without_spaces_have_words_of_one_character():
    labels = tuple("今天气很好公")
    found = Speller(model(*labels)).spell("今天天气iPhone很好\uff0c去哪 公园")
    assert found.texts == [*"今天天气", "iPhone", "很", "好\uff0c", "去哪", "公", "园"]
    assert found.words == [0, 1, 2, 3, 4, 5, 6, 7, None, 8, 9]
    assert [item.characters for item in found.unspelled] == ["iPhone", "去哪", "园"]
    found = Speller(model(*"สวัดีเกบนำ็้")).spell("สวัสดี เก็บน้ำ")
    assert found.texts == ["ส", "วั", "ส", "ดี", "เก็", "บ", "น้ำ"]
    assert found.unspelled == ()


def test_hot_words_are_parted_where_a_dash_is():
    speller = Speller(model(*"ABCENTWYO"))
    words = [
        "".join("-|ABCENTWYO"[token] for token in word)
        for word in speller.spell_words("twenty-one bat")
    ]
    assert words == ["TWENTY", "ONE", "BAT"]


def test_the_old_module_still_works_and_warns():
    sys.modules.pop("voxport.spelling", None)
    with pytest.warns(DeprecationWarning, match=r"voxport\.alignment\.spelling"):
        old = importlib.import_module("voxport.spelling")
    assert old.Speller is Speller
