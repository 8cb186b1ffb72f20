"""How an emission becomes a path, where that is not the graph's own greedy decoder.

``voxport.load(package, decoder=BeamSearch(...))`` or ``voxport transcribe --beam``. Knows one
recording's emission; the search itself is in `beam`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from numpy.typing import NDArray

from voxport.aligner import log_probabilities, path_of
from voxport.alignment import forced_align
from voxport.beam import search
from voxport.errors import InputError
from voxport.fusion import HOT_WEIGHT, Fusion
from voxport.language_model import read_language_model
from voxport.manifest import ModelInfo
from voxport.transcript import Path

Decode: TypeAlias = Callable[[NDArray[Any]], Path]  # of an emission (T, C)


@dataclass(frozen=True)
class BeamSearch:
    """Prefix beam search, and what it is helped by."""

    width: int = 50  # prefixes that are kept
    language_model: str | FilePath | None = None  # an ARPA file, or KenLM's binary
    alpha: float = 0.5  # the language model's weight
    beta: float = 1.0  # nats for every word, where there is a language model
    hot_words: tuple[str, ...] = ()
    hot_weight: float = HOT_WEIGHT  # nats for a hot word

    def of(self, model: ModelInfo) -> Decode:
        """The decoder for one model; its files are read here."""
        if self.width < 1:
            raise InputError(f"a beam holds at least 1 prefix, got {self.width}")
        fusion = self._fusion(model)

        def decode(emission: NDArray[Any]) -> Path:
            log_probs = log_probabilities(emission, model)
            tokens = search(log_probs, model.blank, self.width, fusion)
            if not tokens:
                return Path([], [], [], [])
            return path_of(forced_align([log_probs], [tokens], model.blank)[0])

        return decode

    def _fusion(self, model: ModelInfo) -> Fusion | None:
        if self.language_model is None and not self.hot_words:
            return None
        words = self.language_model and read_language_model(FilePath(self.language_model))
        return Fusion(model, words or None, self.alpha, self.beta, self.hot_words, self.hot_weight)
