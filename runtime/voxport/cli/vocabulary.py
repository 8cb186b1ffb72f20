"""The vocabulary of the shipped model, and words probably outside of it.

Scores rank words, they are not calibrated; the limit below was measured for this model alone.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voxport.package.manifest import ModelInfo
    from voxport.transcript.transcript import Transcript

_SHIPPED = "shipped:commands"
NOTE = (
    "single English words and short strings of them: yes, no, up, down, left, right, on, off, "
    "stop, go, the digits and some forty others; any other speech comes out as nonsense"
)

# The mean score of a recording's words, median of 120 recordings: commands 0.89, digits 0.90, read
# sentences 0.65. Below the limit lie 4 %, 3 % and 87 % of them (10 % of odd phrases, at 0.85).
_LOW_SCORE = 0.75


def vocabulary_note(model: "ModelInfo") -> str | None:
    """Describe the words of a model's vocabulary, if it is the shipped model."""
    return NOTE if model.source == _SHIPPED else None


def is_probably_outside(model: "ModelInfo", transcript: "Transcript") -> bool:
    """Tell whether a transcript's words score as low as speech outside the vocabulary."""
    if model.source != _SHIPPED or not transcript.words:
        return False
    scores = [word.score for word in transcript.words]
    return sum(scores) / len(scores) < _LOW_SCORE
