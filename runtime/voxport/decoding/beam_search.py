"""Decode emissions with a beam search instead of the graph's own greedy decoder.

``voxport.load(package, decoder=BeamSearch(...))`` or ``voxport transcribe --beam``. Knows one
recording's emission; the search itself is in `prefix_search`.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias, cast

from numpy.typing import NDArray

from voxport.alignment.forced_alignment import forced_align
from voxport.alignment.text_aligner import log_probabilities, token_path
from voxport.decoding.fusion import HOT_WEIGHT, Fusion
from voxport.decoding.language_model import read_language_model
from voxport.decoding.prefix_search import search
from voxport.errors import InputError
from voxport.package.manifest import ModelInfo
from voxport.transcript.transcript import TokenPath

Decode: TypeAlias = Callable[[NDArray[Any]], TokenPath]  # of an emission (T, C)

# More would leave nothing of the acoustics in a sum of float64, and in the end overflow it.
_LARGEST_WEIGHT = 1e6


@dataclass(frozen=True)
class BeamSearch:
    """Prefix beam search settings: width, language model, hot words.

    Examples:
        >>> import voxport
        >>> decoder = voxport.BeamSearch(hot_words=("stop",))
        >>> recognizer = voxport.load("commands", decoder=decoder)
    """

    width: int = 50  # prefixes that are kept
    language_model: str | Path | None = None  # an ARPA file, or KenLM's binary
    alpha: float = 0.5  # the language model's weight
    beta: float = 1.0  # nats for every word, where there is a language model
    hot_words: tuple[str, ...] = ()
    hot_weight: float = HOT_WEIGHT  # nats for a hot word

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if not isinstance(self.width, Integral) or self.width < 1:
            raise InputError(f"a beam holds at least 1 prefix, got {self.width!r}")
        words: Any = self.hot_words
        is_list = isinstance(words, Collection) and not isinstance(words, str)
        if not is_list or not all(isinstance(word, str) for word in cast("Collection[Any]", words)):
            raise InputError(f"hot_words must be a list of words, got {words!r}")
        for name in ("alpha", "beta", "hot_weight"):
            weight = getattr(self, name)
            if not isinstance(weight, Real) or not math.isfinite(weight):
                raise InputError(f"{name} must be a finite number, got {weight!r}")
            if abs(float(weight)) > _LARGEST_WEIGHT:
                raise InputError(f"{name} must be at most {_LARGEST_WEIGHT:.0f}, got {weight!r}")
        if self.alpha < 0:  # it would prefer what the language model finds unlikely
            raise InputError(f"alpha must be at least 0, got {self.alpha!r}")

    def build_decoder(self, model: ModelInfo) -> Decode:
        """Build the decoder for one model; its files are read here."""
        fusion = self._fusion(model)

        def decode(emission: NDArray[Any]) -> TokenPath:
            log_probs = log_probabilities(emission, model)
            tokens = search(log_probs, model.blank, self.width, fusion)
            if not tokens:
                return TokenPath([], [], [], [])
            return token_path(forced_align([log_probs], [tokens], model.blank)[0])

        return decode

    def _fusion(self, model: ModelInfo) -> Fusion | None:
        if self.language_model is None and not self.hot_words:
            return None
        words = self.language_model and read_language_model(Path(self.language_model))
        return Fusion(model, words or None, self.alpha, self.beta, self.hot_words, self.hot_weight)
