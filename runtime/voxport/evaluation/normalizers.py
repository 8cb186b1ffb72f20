"""Normalisers of texts before they are compared: a plain one, and the Open ASR Leaderboard's.

A word error rate means nothing without the name of its normaliser. Knows texts only.
"""

import unicodedata
from collections.abc import Callable
from typing import TypeAlias

from voxport.errors import InputError
from voxport.evaluation.leaderboard_english import build_leaderboard_normalizer

Normalizer: TypeAlias = Callable[[str], str]

NORMALIZERS = (PLAIN, LEADERBOARD) = ("plain", "leaderboard")
_APOSTROPHES = "'\u2019\u02bc\u2018`\u00b4\uff07"


def find_normalizer(name: str) -> Normalizer:
    """Return a normaliser by its name.

    Raises:
        InputError: there is none of this name.
        MissingDependencyError: the leaderboard's needs a package that is not installed.
    """
    if name == PLAIN:
        return normalize_plainly
    if name == LEADERBOARD:
        return build_leaderboard_normalizer()
    raise InputError(f"unknown normalizer {name!r}: expected {' or '.join(NORMALIZERS)}")


def normalize_plainly(text: str) -> str:
    """Return a text in lower case without punctuation and symbols, words parted by one space.

    An apostrophe between letters stays, whatever its form; every other mark becomes a space, the
    hyphen too. Accents and digits stay as they are. For texts in any script.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = "".join("'" if c in _APOSTROPHES else c for c in folded)
    kept = [_keep(folded, place) for place in range(len(folded))]
    return " ".join("".join(kept).split())


def _keep(text: str, place: int) -> str:
    character = text[place]
    if character == "'":
        inside = text[place - 1 : place].isalnum() and text[place + 1 : place + 2].isalnum()
        return "'" if inside else " "
    return " " if unicodedata.category(character)[0] in "PSZC" else character
