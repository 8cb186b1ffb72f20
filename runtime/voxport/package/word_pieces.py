"""Text of labels that are word pieces: those that begin a word begin with a space.

The first piece of a text loses that space, as the tokenizers' own decoders have it. Other models'
labels keep all of their spaces. Knows texts; no files.
"""

from collections.abc import Iterable, Sequence


def has_word_pieces(pieces: Iterable[str]) -> bool:
    """Return True if a label begins a word: a space with text behind it."""
    return any(piece.startswith(" ") and piece.strip(" ") for piece in pieces)


def drop_first_space(texts: Sequence[str]) -> list[str]:
    """Return the texts of word pieces, the first with a text without its leading spaces."""
    found = list(texts)
    first = next((index for index, text in enumerate(found) if text), None)
    if first is not None:
        found[first] = found[first].lstrip(" ")
    return found
