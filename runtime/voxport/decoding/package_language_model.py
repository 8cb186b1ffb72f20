"""The language model of a package: its files checked against the manifest, and read.

A checkpoint's ``language_model`` folder (``Wav2Vec2ProcessorWithLM``) is in the package as two
files, the model and its list of words, and its settings are in the manifest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voxport.alignment.spelling import Speller
from voxport.decoding.kenlm_header import check_kenlm_header
from voxport.decoding.language_model import ArpaModel, KenlmModel, read_language_model
from voxport.decoding.word_scores import WordScores, WordWeights
from voxport.decoding.word_search import Spelling
from voxport.errors import InputError, PackageError
from voxport.package.integrity import private_copies
from voxport.package.manifest import LanguageModelInfo, ModelInfo

ARPA_ENDINGS = (".arpa", ".arpa.gz")


@dataclass(frozen=True)
class PackageLanguageModel:
    """A language model with its words, read; its weights; the labels as its words spell them."""

    model: ArpaModel | KenlmModel
    words: Sequence[str]
    weights: WordWeights
    spelling: Spelling
    identity: str  # hashes of the files

    def scores(
        self,
        alpha: float | None = None,
        beta: float | None = None,
        hot_words: Sequence[str] = (),
        hot_weight: float = 10.0,
    ) -> WordScores:
        """Return the scores of words; ``None`` is the package's own weight."""
        weights = WordWeights(
            self.weights.alpha if alpha is None else alpha,
            self.weights.beta if beta is None else beta,
            self.weights.unknown_offset,
            self.weights.score_boundary,
        )
        return WordScores(self.model, self.words, weights, hot_words, hot_weight)

    def spell(self, words: Sequence[str], model: ModelInfo) -> list[str]:
        """Return hot words as this model's labels spell them."""
        speller = Speller(model)
        return [
            "".join(self.spelling.texts[label] for label in labels)
            for text in words
            for labels in speller.spell_words(text)
        ]


def read_package_language_model(
    folder: Path, info: LanguageModelInfo, model: ModelInfo
) -> PackageLanguageModel:
    """Read the language model of the package in ``folder``.

    Raises:
        PackageError: a file is missing, is not the one in the manifest, or cannot be read.
        MissingDependencyError: it is in KenLM's format, and kenlm is not installed.
    """
    with private_copies(folder, info.files) as space:
        try:
            if not info.model.path.endswith(ARPA_ENDINGS):
                check_kenlm_header(space / info.model.path)
            language_model = read_language_model(space / info.model.path)
            words = (space / info.unigrams.path).read_text(encoding="utf-8").splitlines()
        except InputError as error:
            raise PackageError(error.reason, folder / info.model.path) from None
        except ValueError as error:
            raise PackageError(f"is not UTF-8: {error}", folder / info.unigrams.path) from None
    return PackageLanguageModel(
        language_model,
        words,
        WordWeights(info.alpha, info.beta, info.unknown_score_offset, info.score_boundary),
        Spelling(info.labels, model.blank, info.labels.index(" ") if " " in info.labels else -2),
        " ".join(entry.sha256 for entry in info.files),
    )
