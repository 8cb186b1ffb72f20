"""Decode emissions with a beam search instead of the graph's own greedy decoder.

``voxport.load(package, decoder=BeamSearch(...))`` or ``voxport transcribe --beam``. Knows one
recording's emission; the search itself is in `prefix_search`.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from numpy.typing import NDArray

from voxport.alignment.forced_alignment import forced_align
from voxport.alignment.text_aligner import log_probabilities, token_path
from voxport.decoding.fusion import HOT_WEIGHT, Fusion
from voxport.decoding.language_model import read_language_model
from voxport.decoding.package_language_model import PackageLanguageModel
from voxport.decoding.prefix_search import search
from voxport.decoding.word_search import search_words
from voxport.errors import InputError
from voxport.package.manifest import ModelInfo
from voxport.transcript.transcript import TokenPath

Decode: TypeAlias = Callable[[NDArray[Any]], TokenPath]  # of an emission (T, C)

# More would leave nothing of the acoustics in a sum of float64, and in the end overflow it.
_LARGEST_WEIGHT = 1e6


PACKAGE = "package"  # as a language model: the package's own

_WIDTH, _ALPHA, _BETA = 50, 0.5, 1.0
# As pyctcdecode, with which the language models of checkpoints were tuned
_PACKAGE_WIDTH, _PACKAGE_HOT_WEIGHT = 100, 10.0


@dataclass(frozen=True)
class BeamSearch:
    """Prefix beam search settings: width, language model, hot words.

    Of a checkpoint with a language model the package has it too, and it is used unless another one
    or none is named; the defaults are then the checkpoint's own weights.

    Examples:
        >>> import voxport
        >>> decoder = voxport.BeamSearch(hot_words=("stop",))
        >>> recognizer = voxport.load("commands", decoder=decoder)
    """

    width: int | None = None  # prefixes that are kept; 50, with the package's language model 100
    # A file (ARPA or KenLM's binary); PACKAGE: the package's; None: that if there is one; False: no
    language_model: str | Path | Literal[False] | None = None
    alpha: float | None = None  # the language model's weight; 0.5, or the package's
    beta: float | None = None  # nats for every word; 1.0, or the package's
    hot_words: tuple[str, ...] = ()
    hot_weight: float | None = None  # nats for a hot word; 5, with the package's language model 10

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        width: Any = self.width
        if width is not None and (not isinstance(width, Integral) or width < 1):
            raise InputError(f"a beam holds at least 1 prefix, got {self.width!r}")
        words: Any = self.hot_words
        is_list = isinstance(words, Collection) and not isinstance(words, str)
        if not is_list or not all(isinstance(word, str) for word in cast("Collection[Any]", words)):
            raise InputError(f"hot_words must be a list of words, got {words!r}")
        for name in ("alpha", "beta", "hot_weight"):
            weight = getattr(self, name)
            if weight is None:
                continue
            if not isinstance(weight, Real) or not math.isfinite(weight):
                raise InputError(f"{name} must be a finite number, got {weight!r}")
            if abs(float(weight)) > _LARGEST_WEIGHT:
                raise InputError(f"{name} must be at most {_LARGEST_WEIGHT:.0f}, got {weight!r}")
        if (
            self.alpha is not None and self.alpha < 0
        ):  # it would prefer what the language model finds unlikely
            raise InputError(f"alpha must be at least 0, got {self.alpha!r}")

    @property
    def uses_package(self) -> bool:
        """True if a package's language model is used, where there is one."""
        return self.language_model is None or self.language_model == PACKAGE

    def build_decoder(
        self, model: ModelInfo, package: PackageLanguageModel | None = None
    ) -> Decode:
        """Build the decoder for one model; its files are read here.

        Args:
            model: labels, blank and delimiter.
            package: the package's own language model.
        """
        if self.language_model == PACKAGE and package is None:
            raise InputError(
                "the package holds no language model: name a file (--lm FILE), or export a "
                "checkpoint that has the folder language_model",
                model.name,
            )
        if package is not None and self.uses_package:
            return self._word_decoder(model, package)
        fusion = self._fusion(model)

        def decode(emission: NDArray[Any]) -> TokenPath:
            log_probs = log_probabilities(emission, model)
            tokens = search(log_probs, model.blank, self.width or _WIDTH, fusion)
            if not tokens:
                return _empty()
            return token_path(forced_align([log_probs], [tokens], model.blank)[0])

        return decode

    def _word_decoder(self, model: ModelInfo, package: PackageLanguageModel) -> Decode:
        """Build the decoder of a package's language model."""
        weight = _PACKAGE_HOT_WEIGHT if self.hot_weight is None else self.hot_weight
        hot_words = package.spell(self.hot_words, model)
        scores = package.scores(self.alpha, self.beta, hot_words, weight)
        spelling = package.spelling

        def decode(emission: NDArray[Any]) -> TokenPath:
            log_probs = log_probabilities(emission, model)
            tokens = search_words(log_probs, spelling, scores, self.width or _PACKAGE_WIDTH)
            if not tokens:
                return _empty()
            path = token_path(forced_align([log_probs], [tokens], model.blank)[0])
            return _without_extra(path, spelling.delimiter)

        return decode

    def _fusion(self, model: ModelInfo) -> Fusion | None:
        if not self.language_model and not self.hot_words:
            return None
        words = read_language_model(Path(self.language_model)) if self.language_model else None
        alpha = _ALPHA if self.alpha is None else self.alpha
        beta = _BETA if self.beta is None else self.beta
        hot_weight = HOT_WEIGHT if self.hot_weight is None else self.hot_weight
        return Fusion(model, words, alpha, beta, self.hot_words, hot_weight)


def _without_extra(path: TokenPath, delimiter: int) -> TokenPath:
    """Return a path without the delimiters at its ends and behind another one."""
    rows = list(zip(path.tokens, path.starts, path.ends, path.scores, strict=True))
    kept = [
        row
        for row, before in zip(rows, [delimiter, *path.tokens], strict=False)
        if row[0] != delimiter or before != delimiter
    ]
    if kept and kept[-1][0] == delimiter:
        kept.pop()
    return TokenPath(*(list(column) for column in zip(*kept, strict=True))) if kept else _empty()


def _empty() -> TokenPath:
    return TokenPath([], [], [], [])
