"""N-gram language models for beam search: how likely a word is after those before it.

ARPA files (``.arpa``, ``.arpa.gz``) are read here, into a dictionary: fine for some million
n-grams, about 300 bytes each. Larger ones belong in KenLM's binary format, which needs kenlm. Knows
words, not labels, and no acoustics.
"""

import gzip
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Protocol

from voxport.errors import InputError, accessing
from voxport.optional_import import import_optional

LN10 = math.log(10)  # ARPA's logarithms are to the base of 10
START, END, UNKNOWN = "<s>", "</s>", "<unk>"

_COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)")  # in the head of an ARPA file
_UNKNOWN_SCORE = -7.0  # log10, of a word that is not in the model, where it has no <unk>


class LanguageModel(Protocol):
    """Scores a word after a state, which stands for the words before it."""

    def start(self) -> Any:
        """The state at the start of a sentence."""
        ...

    def score(self, state: Any, word: str) -> tuple[float, Any]:
        """The natural logarithm of the word's probability, and the state after it."""
        ...


def read_language_model(path: Path) -> LanguageModel:
    """The model in a file: ARPA by its ending, else KenLM's binary format."""
    if path.name.endswith((".arpa", ".arpa.gz")):
        return ArpaModel(path)
    return KenlmModel(path)


class ArpaModel:
    """An n-gram model with back-off."""

    def __init__(self, path: Path) -> None:
        with accessing(path, InputError):
            self._grams = dict(_grams(path))
        if not self._grams:
            raise InputError("holds no n-grams: is it an ARPA file?", path)
        self._order = max(map(len, self._grams))

    def start(self) -> tuple[str, ...]:
        """The state at the start of a sentence."""
        return (START,)[: self._order - 1]

    def score(self, state: tuple[str, ...], word: str) -> tuple[float, tuple[str, ...]]:
        """The word in whatever case the model has it."""
        known = next((form for form in _forms(word) if (form,) in self._grams), UNKNOWN)
        after = (*state, known)
        return LN10 * self._log10(state, known), after[len(after) - self._order + 1 :]

    def _log10(self, context: tuple[str, ...], word: str) -> float:
        back_off = 0.0
        while True:
            if found := self._grams.get((*context, word)):
                return back_off + found[0]
            if not context:
                return back_off + _UNKNOWN_SCORE
            back_off += self._grams.get(context, (0.0, 0.0))[1]
            context = context[1:]


class KenlmModel:
    """A model that kenlm reads."""

    def __init__(self, path: Path) -> None:
        kenlm = import_optional(
            "kenlm",
            "a language model that is not an .arpa file needs kenlm",
            'pip install "voxport[lm]"',
        )
        with accessing(path, InputError):
            path.open("rb").close()
            self._model = kenlm.Model(str(path))
        self._new_state = kenlm.State

    def start(self) -> Any:
        """The state at the start of a sentence."""
        state = self._new_state()
        self._model.BeginSentenceWrite(state)
        return state

    def score(self, state: Any, word: str) -> tuple[float, Any]:
        """The word in whatever case the model has it."""
        after = self._new_state()
        known = next((form for form in _forms(word) if form in self._model), word)
        return LN10 * float(self._model.BaseScore(state, known, after)), after


def _forms(word: str) -> tuple[str, str, str]:
    return (word, word.lower(), word.upper())


def _grams(path: Path) -> Iterator[tuple[tuple[str, ...], tuple[float, float]]]:
    """Each n-gram with its log10 probability and back-off weight; an error if any is missing."""
    order = 0
    is_whole = False
    promised: dict[int, int] = {}  # n-grams of each order, as the file's head has it
    found: Counter[int] = Counter()
    for number, line in enumerate(_lines(path), 1):
        fields = line.split()
        if line.startswith("\\"):
            order = int(line[1:].partition("-")[0]) if "-grams:" in line else 0
            is_whole = is_whole or fields[0] == "\\end\\"
        elif not order and (count := _COUNT.fullmatch(line.strip())):
            promised[int(count[1])] = int(count[2])
        elif fields and order:
            if len(fields) not in (order + 1, order + 2):
                raise InputError(f"line {number} is no {order}-gram: {line.strip()!r}", path)
            found[order] += 1
            back_off = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
            yield tuple(fields[1 : order + 1]), (float(fields[0]), back_off)
    if found or promised:
        _check_whole(path, promised, found, is_whole)


def _lines(path: Path) -> Iterator[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with TextIOWrapper(opened(path, "rb"), encoding="utf-8") as file:
            yield from file
    except (EOFError, zlib.error) as error:  # of a compressed file
        raise InputError(f"truncated or damaged: {error}", path) from None


def _check_whole(
    path: Path, promised: Mapping[int, int], found: Mapping[int, int], is_whole: bool
) -> None:
    """Refuse a file that was cut off: with fewer n-grams it would make texts worse."""
    for order in sorted({*promised, *found}):
        if order not in promised:
            raise InputError(f"its head (\\data\\) has no line 'ngram {order}=…'", path)
        if promised[order] != found.get(order, 0):
            raise InputError(
                f"truncated or damaged: its head promises {promised[order]} {order}-grams, and "
                f"there are {found.get(order, 0)}",
                path,
            )
    if not is_whole:
        raise InputError("truncated: there is no \\end\\ behind its n-grams", path)
