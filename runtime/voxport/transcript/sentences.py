"""Split a text into sentences by the punctuation of its script.

Knows characters and no language: an abbreviation's full stop before a space ends a sentence.
"""

import re

_CLOSING = "\"'\u201d\u2019\u00bb)\\]"  # may follow the end
_SPACED = ".!?\u2026\u037e"  # before a space only: 3.14 is one word
_FULL = (
    "\u3002\uff01\uff1f\uff61"  # full-width, Chinese and Japanese
    "\u061f\u06d4"  # Arabic, Urdu
    "\u0964\u0965"  # Devanagari and its neighbours
    "\u0589\u1362\u1367"  # Armenian, Ethiopic
    "\u17d4\u104a\u104b"  # Khmer, Myanmar
)
_ENDS = re.compile(rf"(?:[{_SPACED}]+[{_CLOSING}]*(?=\s|$)|[{_FULL}]+[{_CLOSING}\u300d\u300f]*)\s*")


def ends_sentence(word: str) -> bool:
    """Tell whether a sentence ends with this word, punctuation included."""
    return any(match.end() == len(word) for match in _ENDS.finditer(word))


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences, white space between them left out.

    Examples:
        >>> from voxport.transcript.sentences import split_sentences
        >>> split_sentences("It is 3.5. Is it? 是的。好。")
        ['It is 3.5.', 'Is it?', '是的。', '好。']
    """
    ends = [match.end() for match in _ENDS.finditer(text)]
    starts = [0, *ends]
    parts = [text[a:b].strip() for a, b in zip(starts, [*ends, len(text)], strict=True)]
    return [part for part in parts if part]
