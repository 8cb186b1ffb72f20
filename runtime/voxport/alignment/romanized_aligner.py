"""Align a text in any script with a model of Latin letters, word by word or by sentences.

Joins `romanize` (text to letters) and `segments` (letters to frames). Words keep the spelling of
the text. Knows emissions; neither files nor models that run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from numpy.typing import NDArray

from voxport.alignment.romanize import Romanizer
from voxport.alignment.segments import STARS, SegmentSpan, Stars, align_segments
from voxport.alignment.spelling import STAR, Unspelled
from voxport.alignment.text_aligner import AlignedTranscript, log_probabilities
from voxport.errors import AlignmentError, InputError, naming
from voxport.package.manifest import ModelInfo
from voxport.transcript.script_units import split_units
from voxport.transcript.sentences import split_sentences
from voxport.transcript.transcript import Token, Word

Granularity: TypeAlias = Literal["word", "sentence"]
GRANULARITIES = ("word", "sentence")


@dataclass(frozen=True)
class Romanization:
    """Settings of an alignment by Latin letters."""

    language: str | None = None  # ISO 639-3, for uroman's rules of it
    granularity: str = "word"  # one of GRANULARITIES
    stars: str = "segment"  # one of STARS

    def __post_init__(self) -> None:
        """Refuse what is none of the choices."""
        require_granularity(self.granularity)
        if self.stars not in STARS:
            raise InputError(f"stars must be one of {', '.join(STARS)}, got {self.stars!r}")


def require_granularity(granularity: str) -> None:
    """Refuse a granularity of another name."""
    if granularity not in GRANULARITIES:
        raise InputError(f"granularity must be {' or '.join(GRANULARITIES)}, got {granularity!r}")


def align_romanized(
    emissions: Sequence[NDArray[Any]],  # (T, C) each
    texts: Sequence[str],
    seconds: Sequence[float],
    model: ModelInfo,
    romanization: Romanization,
    names: Sequence[str] | None = None,
) -> list[AlignedTranscript]:
    """Align each text with its emission; the arguments are ``text_aligner.align``'s."""
    speller = _LatinSpeller(model, Romanizer(romanization.language))
    found: list[AlignedTranscript] = []
    for index, (emission, text, duration) in enumerate(zip(emissions, texts, seconds, strict=True)):
        log_probs = log_probabilities(emission, model)
        name = names[index] if names else None
        with naming(name or "the text"):
            found.append(_align(log_probs, text, duration, model, speller, romanization))
    return found


class _LatinSpeller:
    """Labels of romanised text."""

    def __init__(self, model: ModelInfo, romanizer: Romanizer) -> None:
        self._romanizer = romanizer
        kept = [item for item in enumerate(model.labels) if item[0] != model.blank]
        self._labels = {label.lower(): index for index, label in reversed(kept)}
        if not any(letter in self._labels for letter in "aeiou"):
            raise InputError(
                "aligning by Latin letters needs a model that has them, such as an MMS aligner; "
                f"its labels are {' '.join(model.labels[:40])}",
                model.name,
            )

    def spell(self, text: str) -> list[int]:
        """Return the labels of a text's letters; those without a label are left out."""
        letters = self._romanizer.romanize(text)
        return [self._labels[letter] for letter in letters if letter in self._labels]


def _align(
    log_probs: NDArray[Any],
    text: str,
    duration: float,
    model: ModelInfo,
    speller: _LatinSpeller,
    romanization: Romanization,
) -> AlignedTranscript:
    units = _split(text, romanization.granularity)
    segments = [speller.spell(unit) for unit in units]
    if not any(segments):
        raise AlignmentError("nothing of the text has Latin letters")
    unspelled = tuple(
        Unspelled(unit, unit)
        for unit, labels in zip(units, segments, strict=True)
        if not labels and any(map(str.isalnum, unit))
    )
    spans = align_segments(log_probs, segments, model.blank, cast("Stars", romanization.stars))
    frame_s = model.frame_stride / model.sample_rate
    words: list[Word] = []
    tokens: list[Token] = []
    for unit, span in zip(units, spans, strict=True):
        if span.labels:
            start, end = (min(frame * frame_s, duration) for frame in (span.start, span.end))
            words.append(Word(unit, start, end, span.score))
            tokens += _tokens(span, model, frame_s, duration)
    return AlignedTranscript(
        " ".join(text.split()), duration, tuple(words), tuple(tokens), unspelled
    )


def _split(text: str, granularity: str) -> list[str]:
    if granularity == "sentence":
        return [" ".join(sentence.split()) for sentence in split_sentences(text)]
    return [unit for word in text.split() for unit in split_units(word)]


def _tokens(span: SegmentSpan, model: ModelInfo, frame_s: float, duration: float) -> list[Token]:
    labels = (*model.labels, STAR)
    return [
        Token(labels[label], min(start * frame_s, duration), min(end * frame_s, duration), score)
        for label, start, end, score in span.labels
    ]
