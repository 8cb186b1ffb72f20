"""Align a known text with a recording: times and scores of its words.

Joins `spelling` (text to labels) and `forced_alignment` (labels to frames) to a transcript for
every output format. Knows emissions; neither files nor models that run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from voxport.alignment.forced_alignment import Alignment, append_star, forced_align, log_softmax
from voxport.alignment.spelling import STAR, Speller, Spelling, Unspelled
from voxport.errors import InputError, naming
from voxport.package.manifest import ModelInfo
from voxport.transcript.sentences import ends_sentence
from voxport.transcript.transcript import (
    TokenPath,
    Transcript,
    Word,
    build_tokens,
    build_word,
)


@dataclass(frozen=True)
class AlignedTranscript(Transcript):
    """A text with times: words as in the text, tokens as spelled.

    In scripts without spaces a word is a character. A star's score is always 1.
    """

    unspelled: tuple[Unspelled, ...] = ()  # characters without a label


def require_texts(text: Any) -> list[str]:
    """Return a text, or all of many, as a list; refuse anything but strings."""
    is_one = isinstance(text, str) or not hasattr(text, "__iter__")
    texts: list[Any] = [text] if is_one else list(text)
    for item in texts:
        if not isinstance(item, str):
            raise InputError(f"expected a text as a string, got {type(item).__name__}")
    return texts


def align(
    emissions: Sequence[NDArray[Any]],  # (T, C) each
    texts: Sequence[str],
    seconds: Sequence[float],
    model: ModelInfo,
    names: Sequence[str] | None = None,
) -> list[AlignedTranscript]:
    """Align each text with its emission; memory bounds their length (see `trellis`).

    Args:
        emissions: of each recording (T, C), as the model gives them.
        texts: of each recording.
        seconds: of each recording, to which times are clipped.
        model: the labels, and the seconds of a frame.
        names: of the recordings, for messages; None if there is but one.
    """
    speller = Speller(model)
    if names is None:
        spellings = [speller.spell(text) for text in texts]
    else:
        spellings = [_spelled(speller, *pair) for pair in zip(texts, names, strict=True)]
    log_probs = [append_star(log_probabilities(emission, model)) for emission in emissions]
    tokens = [spelling.tokens for spelling in spellings]
    found = forced_align(log_probs, tokens, model.blank, names=names)
    return [_transcript(*row, model) for row in zip(texts, spellings, found, seconds, strict=True)]


def join_sentences(aligned: AlignedTranscript) -> AlignedTranscript:
    """Return an aligned transcript with whole sentences for words."""
    sentences: list[list[Word]] = [[]]
    for word in aligned.words:
        sentences[-1].append(word)
        if ends_sentence(word.text):
            sentences.append([])
    joined = tuple(_join(words, aligned.text) for words in sentences if words)
    return replace(aligned, words=joined)


def _join(words: Sequence[Word], text: str) -> Word:
    seconds = [max(word.end - word.start, 1e-9) for word in words]
    total = sum(word.score * share for word, share in zip(words, seconds, strict=True))
    parts = [word.text for word in words]
    is_apart = " ".join(parts) in text or "".join(parts) not in text
    written = (" " if is_apart else "").join(parts)
    return Word(written, words[0].start, words[-1].end, total / sum(seconds))


def _spelled(speller: Speller, text: str, name: str) -> Spelling:
    with naming(name):
        return speller.spell(text)


def log_probabilities(emission: NDArray[Any], model: ModelInfo) -> NDArray[Any]:
    """Return an emission's log-probabilities: some models give logits, others are normalised."""
    return emission if model.emission == "log_probs" else log_softmax(emission)


def token_path(alignment: Alignment) -> TokenPath:
    """Return the tokens of an alignment with their frames and scores."""
    spans = alignment.spans()
    return TokenPath(
        [span.token for span in spans],
        [span.start for span in spans],
        [span.end for span in spans],
        [span.score for span in spans],
    )


def _transcript(
    text: str, spelling: Spelling, alignment: Alignment, seconds: float, model: ModelInfo
) -> AlignedTranscript:
    path = token_path(alignment)
    labels = [(*model.labels, STAR)[token] for token in path.tokens]
    tokens = build_tokens(path, labels, seconds, model)
    runs: list[list[int]] = [[] for _ in spelling.texts]
    for token, owner in enumerate(spelling.words):
        if owner is not None:
            runs[owner].append(token)
    words = tuple(
        build_word(path, tokens, run, written)
        for run, written in zip(runs, spelling.texts, strict=True)
    )
    return AlignedTranscript(" ".join(text.split()), seconds, words, tokens, spelling.unspelled)
