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

# The words of the model's card, those of its few phrases one by one.
WORDS = frozenset(
    """
    yes no up down left right on off stop go
    zero one two three four five six seven eight nine
    bed bird cat dog happy house marvin sheila tree wow backward forward follow learn visual
    alexa computer jarvis smart mirror snowboy view glass
    athena amelia hey chatterbox a cheddar block you better talk hadouken dracarys trick or treat
    joke how are archie fenrir goodnight
    """.upper().split()
)

# The mean score of a recording's words, one outside of WORDS counted as 0. Of 362 texts that were
# right none lies below the limit; of 45 that were wrong 44 do, and of 134 transcripts of other
# speech (read sentences, parts of them) 93 %. The mean score alone, below 0.75, finds 47 % of the
# wrong texts and 88 % of other speech, and flags one that is right.
_LOW_SCORE = 0.6


def vocabulary_note(model: "ModelInfo") -> str | None:
    """Describe the words of a model's vocabulary, as its package does; None if it does not."""
    return model.vocabulary or (NOTE if model.source == _SHIPPED else None)


def is_probably_outside(model: "ModelInfo", transcript: "Transcript") -> bool:
    """Tell whether a transcript's words are unknown ones, or score as low as those."""
    if model.source != _SHIPPED or not transcript.words:
        return False
    scores = [word.score if word.text in WORDS else 0.0 for word in transcript.words]
    return sum(scores) / len(scores) < _LOW_SCORE
