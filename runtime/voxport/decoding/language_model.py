"""N-gram language models for beam search: the probability of a word after those before it.

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
_NUMBER = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE | re.ASCII
)
_BLANKS = " \t"  # what parts fields: other white space may be in a word

# log10 of a word that the model lacks, where it has no <unk>.
_UNKNOWN_LOG10 = -7.0
_KENLM_UNKNOWN_LOG10 = -100.0  # in kenlm
# log10 that stands for a probability of 0: so many toolkits write it, and -inf would make texts
# that hold such a word equal, and 0 * -inf no number at all.
_ZERO_LOG10 = -99.0

_LINE_CHARACTERS = 1 << 16
_UNPACKED_CHARACTERS = 1 << 30  # of a compressed file: about 10 GB in memory
_MOST_GRAMS = 30_000_000  # about 9 GB in memory


class LanguageModel(Protocol):
    """A score for a word after a state; the state holds the words before it."""

    def start(self) -> Any:
        """Return the state at the start of a sentence."""
        ...

    def score(self, state: Any, word: str) -> tuple[float, Any]:
        """Score the word in the model's own case."""
        ...


class ExactLanguageModel(Protocol):
    """A language model's own numbers: words as they are written, log10, without limits."""

    @property
    def order(self) -> int:
        """The words of its longest n-grams."""
        ...

    def __contains__(self, word: str) -> bool:
        """Tell whether the model knows the word."""
        ...

    def state(self, at_sentence_start: bool) -> Any:
        """Return the state at the start of a sentence, or without any words before."""
        ...

    def score_log10(self, state: Any, word: str) -> tuple[float, Any]:
        """Return log10 of the word's probability after the state, and the state behind it."""
        ...


def read_language_model(path: Path) -> "ArpaModel | KenlmModel":
    """Read a model from a file: ARPA by its ending, else KenLM's binary format."""
    if path.name.endswith((".arpa", ".arpa.gz")):
        return ArpaModel(path)
    return KenlmModel(path)


class ArpaModel:
    """An n-gram model with back-off."""

    def __init__(self, path: Path) -> None:
        with accessing(path, InputError):
            self._grams = _read_grams(path)
        if not self._grams:
            raise InputError("holds no n-grams: is it an ARPA file?", path)
        self._order = max(map(len, self._grams))

    def start(self) -> tuple[str, ...]:
        """Return the state at the start of a sentence."""
        return (START,)[: self._order - 1]

    def score(self, state: tuple[str, ...], word: str) -> tuple[float, tuple[str, ...]]:
        """Score the word in the model's own case."""
        known = next((form for form in _forms(word) if (form,) in self._grams), UNKNOWN)
        after = (*state, known)
        return _finite(self._log10(state, known)), self._kept(after)

    @property
    def order(self) -> int:
        """The words of its longest n-grams."""
        return self._order

    def __contains__(self, word: str) -> bool:
        """Tell whether the model knows the word."""
        return word != UNKNOWN and (word,) in self._grams

    def state(self, at_sentence_start: bool) -> tuple[str, ...]:
        """Return the state at the start of a sentence, or without any words before."""
        return self.start() if at_sentence_start else ()

    def score_log10(self, state: tuple[str, ...], word: str) -> tuple[float, tuple[str, ...]]:
        """Return log10 of the word's probability after the state, and the state behind it."""
        known = word if (word,) in self._grams else UNKNOWN
        log10 = self._log10(state, known, _KENLM_UNKNOWN_LOG10)
        after = (*state, known)
        return log10, self._kept(after)

    def _kept(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return the last words, as many as an n-gram has before its last."""
        return words[max(0, len(words) - self._order + 1) :]

    def _log10(
        self, context: tuple[str, ...], word: str, unknown_log10: float = _UNKNOWN_LOG10
    ) -> float:
        back_off = 0.0
        while True:
            if found := self._grams.get((*context, word)):
                return back_off + found[0]
            if not context:
                return back_off + unknown_log10
            back_off += self._grams.get(context, (0.0, 0.0))[1]
            context = context[1:]


class KenlmModel:
    """A model read by kenlm."""

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
        self.order = int(self._model.order)

    def __contains__(self, word: str) -> bool:
        """Tell whether the model knows the word."""
        return word in self._model

    def state(self, at_sentence_start: bool) -> Any:
        """Return the state at the start of a sentence, or without any words before."""
        if at_sentence_start:
            return self.start()
        state = self._new_state()
        self._model.NullContextWrite(state)
        return state

    def score_log10(self, state: Any, word: str) -> tuple[float, Any]:
        """Return log10 of the word's probability after the state, and the state behind it."""
        after = self._new_state()
        return float(self._model.BaseScore(state, word, after)), after

    def start(self) -> Any:
        """Return the state at the start of a sentence."""
        state = self._new_state()
        self._model.BeginSentenceWrite(state)
        return state

    def score(self, state: Any, word: str) -> tuple[float, Any]:
        """Score the word in the model's own case."""
        after = self._new_state()
        known = next((form for form in _forms(word) if form in self._model), word)
        return _finite(float(self._model.BaseScore(state, known, after))), after


def _forms(word: str) -> tuple[str, str, str]:
    return (word, word.lower(), word.upper())


def _finite(log10: float) -> float:
    """Return the natural logarithm; what is less than any probability in use, or NaN, is the least.

    kenlm reads -inf and NaN from a file as they are.
    """
    return LN10 * (log10 if log10 > _ZERO_LOG10 else _ZERO_LOG10)


def _read_grams(path: Path) -> dict[tuple[str, ...], tuple[float, float]]:
    """Read n-grams with log10 probability and back-off weight; refuse an incomplete file."""
    grams: dict[tuple[str, ...], tuple[float, float]] = {}
    for number, gram, values in _grams(path):
        if gram in grams:
            raise InputError(f"line {number} has {' '.join(gram)!r} a second time", path)
        if len(gram) > 1:
            unknown = [word for word in gram if word != START and (word,) not in grams]
            if unknown:
                raise InputError(f"line {number} has {unknown[0]!r}, which is no 1-gram", path)
        grams[gram] = values
    return grams


def _grams(path: Path) -> Iterator[tuple[int, tuple[str, ...], tuple[float, float]]]:
    """Yield line, words and values of each n-gram; refuse a file with more or fewer than it says.

    Fewer would make texts worse; more might fill the memory.
    """
    order = 0
    is_whole = False
    promised: dict[int, int] = {}  # n-grams of each order, as the file's head has it
    found: Counter[int] = Counter()
    for number, line in enumerate(_lines(path), 1):
        fields = [field for field in line.replace("\t", " ").split(" ") if field]
        if line.startswith("\\"):
            order = int(line[1:].partition("-")[0]) if "-grams:" in line else 0
            is_whole = is_whole or line == "\\end\\"
        elif not order and (count := _COUNT.fullmatch(line)):
            promised[int(count[1])] = int(count[2])
            _check_size(path, promised)
        elif fields and order:
            if len(fields) not in (order + 1, order + 2):
                raise InputError(f"line {number} is no {order}-gram: {line!r}", path)
            found[order] += 1
            if order in promised and found[order] > promised[order]:
                _check_whole(path, promised, found, is_whole)
            values = _values(path, number, fields[0], *fields[order + 1 :])
            yield number, tuple(fields[1 : order + 1]), values
    if found or promised:
        _check_whole(path, promised, found, is_whole)


def _values(path: Path, number: int, log10: str, back_off: str = "0") -> tuple[float, float]:
    """Return log10 probability and back-off weight: finite, the first not above 0."""
    for text in (log10, back_off):
        if not _NUMBER.fullmatch(text):
            raise InputError(f"line {number}: expected a number, got {text!r}", path)
    values = (max(float(log10), _ZERO_LOG10), max(float(back_off), _ZERO_LOG10))
    if values[0] > 0:
        raise InputError(f"line {number}: {log10} is the logarithm of no probability", path)
    if values[1] > -_ZERO_LOG10:
        raise InputError(f"line {number}: {back_off} is no logarithm of a back-off weight", path)
    return values


def _lines(path: Path) -> Iterator[str]:
    """Yield lines without the white space around them; of bounded length, and of bounded number."""
    is_packed = path.suffix == ".gz"
    size = 0
    try:
        with TextIOWrapper((gzip.open if is_packed else open)(path, "rb"), "utf-8") as file:
            while line := file.readline(_LINE_CHARACTERS):
                size += len(line)
                if len(line) == _LINE_CHARACTERS:
                    raise InputError(
                        f"a line has more than {_LINE_CHARACTERS} characters: is it an ARPA file?",
                        path,
                    )
                if is_packed and size > _UNPACKED_CHARACTERS:
                    raise InputError(
                        f"unpacks to more than {_UNPACKED_CHARACTERS >> 20} MB: use KenLM's binary "
                        "format (build_binary) for a model of this size",
                        path,
                    )
                yield line.strip(_BLANKS + "\r\n\ufeff")
    except (EOFError, zlib.error) as error:  # of a compressed file
        raise InputError(f"truncated or damaged: {error}", path) from None


def _check_size(path: Path, promised: Mapping[int, int]) -> None:
    if sum(promised.values()) > _MOST_GRAMS:
        raise InputError(
            f"its head promises {sum(promised.values())} n-grams, and {_MOST_GRAMS} are the most "
            "that are read from an ARPA file: use KenLM's binary format (build_binary)",
            path,
        )


def _check_whole(
    path: Path, promised: Mapping[int, int], found: Mapping[int, int], is_whole: bool
) -> None:
    """Refuse a file cut off, or with other numbers of n-grams than in its head."""
    for order in sorted({*promised, *found}):
        if order not in promised:
            raise InputError(f"its head (\\data\\) has no line 'ngram {order}=…'", path)
        if promised[order] != found.get(order, 0):
            there = f"{'at least ' if found.get(order, 0) > promised[order] else ''}"
            raise InputError(
                f"truncated or damaged: its head promises {promised[order]} {order}-grams, and "
                f"there are {there}{found.get(order, 0)}",
                path,
            )
    if not is_whole:
        raise InputError("truncated: there is no \\end\\ behind its n-grams", path)
