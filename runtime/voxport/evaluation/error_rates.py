"""Word and character error rates of many texts, with the edits behind them.

Words are aligned by jiwer, the only module to know it and kaldialign. Knows texts only.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from voxport.evaluation.confidence import Interval, bootstrap_interval
from voxport.evaluation.normalizers import LEADERBOARD, find_normalizer
from voxport.optional_import import import_optional

_INSTALL = 'pip install "voxport[evaluate]"'


@dataclass(frozen=True)
class Edits:
    """Counted differences of a text, or of many, from their references."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """All differences."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def length(self) -> int:
        """Words, or characters, of the references."""
        return self.hits + self.substitutions + self.deletions

    @property
    def rate(self) -> float | None:
        """Differences by the references' length; None without a reference."""
        return self.errors / self.length if self.length else None

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True)
class TextScore:
    """A recording's normalised texts and their differences."""

    reference: str
    hypothesis: str
    words: Edits
    characters: Edits


@dataclass(frozen=True)
class Confusions:
    """Differences by word, or by character, with their counts."""

    substitutions: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    deletions: Counter[str] = field(default_factory=Counter[str])
    insertions: Counter[str] = field(default_factory=Counter[str])
    hits: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True)
class ErrorRates:
    """Error rates of a test set under one normaliser."""

    normalizer: str
    scores: tuple[TextScore | None, ...]  # of each recording; None: left out
    words: Edits
    characters: Edits
    wer_interval: Interval | None  # None: fewer than two groups of recordings
    cer_interval: Interval | None
    left_out: int  # recordings without a word in their reference, as the leaderboard leaves them
    confused_words: Confusions
    confused_characters: Confusions
    # As the leaderboard scores since June 2026: "white paper" is no error for "whitepaper"
    merged_wer: float | None = None

    @property
    def wer(self) -> float | None:
        """Word error rate, 0 and more; None without a word in the references."""
        return self.words.rate

    @property
    def cer(self) -> float | None:
        """Character error rate, spaces between words included."""
        return self.characters.rate


def measure(
    references: Sequence[str],
    hypotheses: Sequence[str],
    normalizer: str,
    groups: Sequence[str | int],
    resamples: int = 1000,
    seed: int = 0,
) -> ErrorRates:
    """Measure error rates.

    Args:
        references: the right text of each recording.
        hypotheses: the model's text of each recording.
        normalizer: "plain" or "leaderboard".
        groups: speaker of each recording, or another mark that its errors do not share.
        resamples: draws of the bootstrap.
        seed: of the bootstrap's draws.

    Returns:
        The rates. With the leaderboard's normaliser, recordings whose reference has no word are
        left out, as the leaderboard does; with the plain one, all that was heard in them counts as
        insertions.
    """
    normalize = find_normalizer(normalizer)
    pairs = [
        (normalize(reference), normalize(hypothesis))
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    is_scored = [normalizer != LEADERBOARD or bool(reference) for reference, _ in pairs]
    scored = [pair for pair, is_kept in zip(pairs, is_scored, strict=True) if is_kept]
    marks = [mark for mark, is_kept in zip(groups, is_scored, strict=True) if is_kept]
    words, confused_words = _align(scored, "process_words")
    characters, confused_characters = _align(scored, "process_characters")
    rows = zip(scored, words, characters, strict=True)
    found = (TextScore(*pair, *edits) for pair, *edits in rows)
    scores = tuple(next(found) if is_kept else None for is_kept in is_scored)
    return ErrorRates(
        normalizer=normalizer,
        scores=scores,
        words=sum(words, Edits()),
        characters=sum(characters, Edits()),
        wer_interval=_interval(words, marks, resamples, seed),
        cer_interval=_interval(characters, marks, resamples, seed),
        left_out=len(pairs) - len(scored),
        confused_words=confused_words,
        confused_characters=confused_characters,
        merged_wer=_merged_wer(scored) if normalizer == LEADERBOARD else None,
    )


def _align(pairs: Sequence[tuple[str, str]], process: str) -> tuple[list[Edits], Confusions]:
    """Return the edits of each pair of texts, and all of them by word or character."""
    jiwer = import_optional("jiwer", "error rates need jiwer", _INSTALL)
    confused = Confusions()
    if not pairs:
        return [], confused
    output: Any = getattr(jiwer, process)([one for one, _ in pairs], [two for _, two in pairs])
    rows = zip(output.references, output.hypotheses, output.alignments, strict=True)
    return [_count(*row, confused) for row in rows], confused


def _count(
    reference: Sequence[str], hypothesis: Sequence[str], chunks: Any, confused: Confusions
) -> Edits:
    """Count the edits of one alignment, and add them to ``confused``."""
    counts = Counter[str]()
    for chunk in chunks:
        expected = reference[chunk.ref_start_idx : chunk.ref_end_idx]
        heard = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
        counts[chunk.type] += max(len(expected), len(heard))
        if chunk.type == "substitute":
            confused.substitutions.update(zip(expected, heard, strict=True))
        elif chunk.type == "delete":
            confused.deletions.update(expected)
        elif chunk.type == "insert":
            confused.insertions.update(heard)
        else:
            confused.hits.update(expected)
    return Edits(counts["equal"], counts["substitute"], counts["delete"], counts["insert"])


def _interval(
    edits: Sequence[Edits], groups: Sequence[str | int], resamples: int, seed: int
) -> Interval | None:
    errors, lengths = [one.errors for one in edits], [one.length for one in edits]
    return bootstrap_interval(errors, lengths, groups, resamples, seed)


def _merged_wer(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return the word error rate in which compounds may be written as two words."""
    kaldialign = import_optional("kaldialign", "the leaderboard's score needs kaldialign", _INSTALL)
    references = [tuple(reference.split()) for reference, _ in pairs]
    if not any(references):
        return None
    hypotheses = [tuple(hypothesis.split()) for _, hypothesis in pairs]
    found = kaldialign.batch_error_rate(references, hypotheses, merge_compounds=True)
    return float(found["err_rate"])
