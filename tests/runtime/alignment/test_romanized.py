"""Texts in twenty languages aligned by Latin letters, against ctc-forced-aligner's own code."""

# ruff: noqa: RUF001

import json
from pathlib import Path

import numpy as np
import pytest

from support import clients, fakes, multilingual
from voxport.alignment import Romanization, romanize
from voxport.alignment.forced_alignment import forced_align
from voxport.alignment.romanize import Romanizer
from voxport.alignment.romanized_aligner import align_romanized
from voxport.alignment.segments import align_segments
from voxport.errors import AlignmentError, InputError, MissingDependencyError
from voxport.recognizer import Recognizer
from voxport.transcript.script_units import split_units
from voxport.transcript.sentences import split_sentences

HERE = Path(__file__).parent
FRAME_S = 0.02
CASES = multilingual.TEXTS
EMISSIONS = [multilingual.emission(letters, seed) for seed, (_, _, letters) in enumerate(CASES)]
SENTENCES = "नमस्ते दुनिया। आप कैसे हैं?"


def units(text):
    return [unit for word in text.split() for unit in split_units(word)]


@pytest.fixture
def letters(monkeypatch):
    """The recorded letters in place of uroman, which takes seconds to start."""
    known = {
        unit.lower(): found
        for _, text, romanized in CASES
        for unit, found in zip(units(text), romanized, strict=True)
    }

    class Recorded:
        def romanize_string(self, text, lcode=None):
            return " ".join(known.get(word, "") for word in text.split())

    monkeypatch.setattr(romanize, "_load_uroman", Recorded)


def align(case, **settings):
    language, text, _ = CASES[case]
    emission, seconds = EMISSIONS[case], len(EMISSIONS[case]) * FRAME_S
    return align_romanized(
        [emission], [text], [seconds], multilingual.MODEL, Romanization(language, **settings)
    )[0]


def reference_tokens(stars):
    """Return tokens and texts as ``preprocess_text`` of ctc-forced-aligner makes them."""
    rows = []
    for _, text, romanized in CASES:
        tokens, words = [" ".join(word) for word in romanized], units(text)
        if stars == "segment":
            tokens = [item for token in tokens for item in ("<star>", token)]
            words = [item for word in words for item in ("<star>", word)]
        else:
            tokens, words = ["<star>", *tokens, "<star>"], ["<star>", *words, "<star>"]
        rows.append([tokens, words])
    return rows


@pytest.mark.parametrize("stars", ["segment", "edges"])
def test_words_and_times_are_ctc_forced_aligners(stars, letters):
    """The answers were made by ``run_ctc_forced_aligner.py`` on the same emissions."""
    expected = json.loads((HERE / "ctc_forced_aligner_answers.json").read_text())[stars]
    check_answers(expected, stars)


@pytest.mark.parametrize("stars", ["segment", "edges"])
def test_ctc_forced_aligner_itself_gives_the_same(stars, letters, tmp_path):
    arrays = {f"emission_{index}": one for index, one in enumerate(EMISSIONS)}
    np.savez(tmp_path / "cases.npz", texts=json.dumps(reference_tokens(stars)), **arrays)
    script, package = "run_ctc_forced_aligner.py", "ctc_forced_aligner"
    check_answers(clients.python(script, package, tmp_path / "cases.npz"), stars)


def check_answers(expected, stars):
    assert len(expected) == 20
    for case, words in enumerate(expected):
        found = align(case, stars=stars).words
        assert [word.text for word in found] == [word for word, _, _ in words]
        for word, (_, start, end) in zip(found, words, strict=True):
            assert abs(word.start - start) <= FRAME_S + 1e-9
            assert abs(word.end - end) <= FRAME_S + 1e-9


def test_the_path_is_torchaudios():
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchaudio.functional")
    star = len(multilingual.LABELS)
    for emission, (_, _, romanized) in zip(EMISSIONS, CASES, strict=True):
        spelled = [[multilingual.LABELS.index(letter) for letter in word] for word in romanized]
        target = [label for word in spelled for label in (star, *word)]
        starred = np.pad(emission, ((0, 0), (0, 1)))
        path, _ = functional.forced_align(
            torch.from_numpy(starred)[None], torch.tensor([target], dtype=torch.int32), blank=0
        )
        assert forced_align([starred], [target], 0)[0].path.tolist() == path[0].tolist()


def test_words_keep_their_spelling(letters):
    for case, (_, text, romanized) in enumerate(CASES):
        found = align(case)
        assert [word.text for word in found.words] == units(text)
        assert "".join(token.text for token in found.tokens) == "".join(romanized)
        assert found.unspelled == ()


def test_sentences(letters):
    """Without stars the letters' path is that of the words."""
    found = align(0, granularity="sentence", stars="none")
    words = align(0, stars="none").words
    assert [word.text for word in found.words] == [CASES[0][1]]
    assert (found.words[0].start, found.words[0].end) == (words[0].start, words[-1].end)


def test_a_word_without_letters_is_named(monkeypatch, letters):
    text = "नमस्ते 42 दुनिया, !"
    found = align_romanized(
        [EMISSIONS[0]], [text], [99.0], multilingual.MODEL, Romanization("hin")
    )[0]
    assert [word.text for word in found.words] == ["नमस्ते", "दुनिया,"]
    assert [item.word for item in found.unspelled] == ["42"]
    with pytest.raises(AlignmentError, match="the text: nothing of the text has Latin letters"):
        align_romanized([EMISSIONS[0]], ["42"], [99.0], multilingual.MODEL, Romanization())


def test_a_model_without_latin_letters_is_refused(letters):
    model = fakes.model(labels=("-", "а", "б"), word_delimiter=None)
    with pytest.raises(InputError, match="needs a model that has them"):
        align_romanized([np.zeros((9, 3))], ["да"], [1.0], model, Romanization())


def test_a_segment_reaches_to_the_middle_of_the_silence():
    log_probs = np.full((12, 3), -9.0)
    path = [0, 0, 1, 0, 0, 0, 0, 2, 2, 0, 0, 0]
    log_probs[np.arange(12), path] = -0.1
    first, second = align_segments(log_probs, [[1], [2]], 0, "none")
    assert (first.start, first.end, second.start, second.end) == (0, 4, 4, 12)
    assert first.labels[0][:3] == (1, 2, 3)
    assert second.labels[0][:3] == (2, 7, 9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stars": "many"}, "stars must be one of segment, edges, none, got 'many'"),
        ({"granularity": "letter"}, "granularity must be word or sentence, got 'letter'"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Romanization(**settings)


def test_a_language_is_a_code(letters):
    with pytest.raises(InputError, match=r"three letters: rus, ara.*got 'Hindi'"):
        Romanizer("Hindi")


def test_romanisation_needs_uroman(without):
    romanize._load_uroman.cache_clear()
    without("uroman")
    with pytest.raises(MissingDependencyError, match=r'pip install "voxport\[romanize\]"'):
        Romanizer()


@pytest.mark.slow  # uroman reads its tables for seconds
def test_uroman_gives_the_recorded_letters():
    pytest.importorskip("uroman")
    romanize._load_uroman.cache_clear()
    for language, text, romanized in CASES:
        romanizer = Romanizer(language)
        assert [romanizer.romanize(unit) for unit in units(text)] == romanized


def test_letters_are_lower_case_without_digits_or_marks(letters, monkeypatch):
    class Same:
        def romanize_string(self, text, lcode=None):
            return text

    monkeypatch.setattr(romanize, "_load_uroman", Same)
    assert Romanizer("eng").romanize("Don’t (Sam 23:17) STOP-2!") == "don'tstop"


# Sentences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('It is 3.14. Is it?! "Yes." No', ["It is 3.14.", "Is it?!", '"Yes."', "No"]),
        (SENTENCES, ["नमस्ते दुनिया।", "आप कैसे हैं?"]),
        ("你好。世界！好", ["你好。", "世界！", "好"]),
        ("ሰላም። ለዓለም፧ ነው", ["ሰላም።", "ለዓለም፧", "ነው"]),
        ("كيف حالك؟ بخير", ["كيف حالك؟", "بخير"]),
        ("  ", []),
    ],
)
def test_sentences_end_by_their_scripts_punctuation(text, expected):
    assert split_sentences(text) == expected


def test_a_recognizer_gives_the_times_of_sentences():
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), fakes.FakeBackend())
    waveform = fakes.say("A|B|C")
    words = recognizer.align(waveform, "A. B c").words
    found = recognizer.align(waveform, "A. B c", granularity="sentence").words
    assert [word.text for word in found] == ["A.", "B c"]
    assert (found[0].start, found[1].start) == (words[0].start, words[1].start)
    assert found[1].end == words[2].end
    with pytest.raises(InputError, match="granularity must be word or sentence"):
        recognizer.align(waveform, "A", granularity="letter")
