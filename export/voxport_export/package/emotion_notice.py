"""A notice for the cards of models that recognise emotions.

Found by the model's labels or by words of its name: no list of models is kept. The notice points to
the law; it judges no use.
"""

from __future__ import annotations

import re

from voxport.package.manifest import TRANSCRIPTION, ModelInfo

# Names of emotions, as published models abbreviate them too
_WORDS = """
    ang anger angry anxiety anxious bored boredom calm contempt dis disgust disgusted exc excited
    excitement fea fear fearful fru frustrated frustration hap happiness happy joy joyful love neu
    neutral positive negative sad sadness sur surprise surprised
"""
_EMOTIONS = frozenset(_WORDS.split())
# These alone make no model one for emotions.
_AMBIGUOUS = frozenset(["neu", "neutral", "positive", "negative", "dis", "sur", "exc", "love"])
_IN_NAMES = re.compile(r"emotion|sentiment|affect(?!ed)|(^|[-_/])s?er([-_]|$)", re.IGNORECASE)

NOTICE = """**Emotion recognition.** The labels of this model appear to be emotions. Systems that
infer emotions or intentions of people from their voice are covered by the EU Artificial
Intelligence Act (Regulation (EU) 2024/1689): among others, it prohibits some of them at work and in
education (Article 5), lists others as high-risk (Annex III) and asks deployers to inform the people
exposed to them (Article 50). Whether and how it applies depends on the use; other laws may apply
too. This notice was written by voxport from the labels and the name; it is not legal advice.

"""


def emotion_notice(model: ModelInfo) -> str:
    """Return the notice of a model that seems to recognise emotions, "" of any other."""
    if model.task == TRANSCRIPTION or not model.labels:
        return ""
    words = {word for label in model.labels for word in re.findall(r"[a-z]+", label.lower())}
    found = words & _EMOTIONS
    is_named_so = bool(_IN_NAMES.search(model.name))
    is_labelled_so = len(found) >= 2 and bool(found - _AMBIGUOUS)
    return NOTICE if is_labelled_so or is_named_so else ""
