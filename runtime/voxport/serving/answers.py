"""Answers in the shapes of OpenAI's API, from transcripts. Knows no model and no HTTP."""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from voxport.alignment.text_aligner import AlignedTranscript
from voxport.tasks.classifier import Classification
from voxport.transcript.formats import DECIMALS, to_srt, to_txt, to_vtt
from voxport.transcript.subtitles import Cue, group_into_cues
from voxport.transcript.transcript import Token, Transcript, Word

RESPONSE_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
GRANULARITIES = ("word", "segment")
INCLUDES = ("logprobs",)

_LEAST_SCORE = 1e-30  # of a token: its logarithm is finite
_LANGUAGE = "unknown"  # a model has one, and a package does not name it
_TEXTS = {"text": to_txt, "srt": to_srt, "vtt": to_vtt}


def as_text(transcript: Transcript, form: str) -> str:
    """Return the document of ``text``, ``srt`` or ``vtt``."""
    return _TEXTS[form](transcript)


def as_json(transcript: Transcript, *, logprobs: bool = False) -> dict[str, Any]:
    """Return the object of ``json``."""
    answer: dict[str, Any] = {"text": transcript.text, "usage": _usage(transcript.duration)}
    return answer | ({"logprobs": token_logprobs(transcript.tokens)} if logprobs else {})


def as_verbose_json(
    transcript: Transcript, labels: Sequence[str], granularities: Sequence[str]
) -> dict[str, Any]:
    """Return the object of ``verbose_json``; ``labels`` are the model's, for numbers of tokens."""
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": _LANGUAGE,
        "duration": _rounded(transcript.duration),
        "text": transcript.text,
        "usage": _usage(transcript.duration),
    }
    if "segment" in granularities:
        numbers = {label: number for number, label in enumerate(labels)}
        cues = group_into_cues(transcript.words, transcript.text, transcript.tokens)
        answer["segments"] = [
            _segment(index, cue, transcript, numbers) for index, cue in enumerate(cues)
        ]
    if "word" in granularities:
        answer["words"] = [_word(word) for word in transcript.words]
    return answer


def as_alignment(transcript: AlignedTranscript) -> dict[str, Any]:
    """Return the object of an alignment: words with times and scores."""
    return {
        "text": transcript.text,
        "duration": _rounded(transcript.duration),
        "words": [_word(word) | {"score": _rounded(word.score)} for word in transcript.words],
        "unspelled": [item.word for item in transcript.unspelled],
        "usage": _usage(transcript.duration),
    }


def as_classification(found: Classification) -> dict[str, Any]:
    """Return the object of a classification: labels with scores, the best first."""
    return {
        "label": found.label,
        "scores": [{"label": item.label, "score": _rounded(item.score)} for item in found.scores],
        "duration": _rounded(found.duration),
        "usage": _usage(found.duration),
    }


def delta_event(text: str) -> dict[str, Any]:
    """Return the event of text that was added."""
    return {"type": "transcript.text.delta", "delta": text}


def done_event(transcript: Transcript, *, logprobs: bool = False) -> dict[str, Any]:
    """Return the event of the whole text."""
    event: dict[str, Any] = {"type": "transcript.text.done", "text": transcript.text}
    return event | ({"logprobs": token_logprobs(transcript.tokens)} if logprobs else {})


def token_logprobs(tokens: Sequence[Token]) -> list[dict[str, Any]]:
    """Return each token with the logarithm of its score, the mean posterior of its label."""
    return [
        {
            "token": token.text,
            "logprob": _rounded(math.log(max(token.score, _LEAST_SCORE))),
            "bytes": list(token.text.encode()),
        }
        for token in tokens
    ]


def _word(word: Word) -> dict[str, Any]:
    return {"word": word.text, "start": _rounded(word.start), "end": _rounded(word.end)}


def _segment(
    index: int, cue: Cue, transcript: Transcript, numbers: Mapping[str, int]
) -> dict[str, Any]:
    tokens = [item for item in transcript.tokens if cue.start <= item.start < cue.end]
    scores = [math.log(max(token.score, _LEAST_SCORE)) for token in tokens]
    # The first word piece of a text has lost its space.
    ids = [numbers.get(token.text, numbers.get(f" {token.text}")) for token in tokens]
    content = cue.text.encode()
    return {
        "id": index,
        "seek": 0,
        "start": _rounded(cue.start),
        "end": _rounded(min(cue.end, transcript.duration)),  # a subtitle stays for a second
        "text": cue.text,
        "tokens": [number for number in ids if number is not None],
        "temperature": 0.0,
        "avg_logprob": _rounded(sum(scores) / len(scores)) if scores else 0.0,
        "compression_ratio": _rounded(len(content) / max(1, len(zlib.compress(content)))),
        "no_speech_prob": 0.0,
    }


def _usage(duration: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(duration)}


def _rounded(value: float) -> float:
    return math.floor(value * 10**DECIMALS + 0.5) / 10**DECIMALS
