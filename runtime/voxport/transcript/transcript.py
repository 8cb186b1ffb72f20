"""Transcript of one recording, built from a row of the graph's output or from a decoder's path.

Times. Frame t of a model with a stride of s samples at r Hz stands for the s samples from t * s
on, so a token on the frames start..end-1 lasts from start * s / r to end * s / r seconds, clipped
to the recording. (The model sees more for frame t: its receptive field.) CTC models put a token on
few frames, often one, where they are sure of it: its end is early rather than late.

Scores. A token's score is the mean posterior of its label over its run of frames, from the graph;
a word's is the mean of its tokens', each weighted by its frames. They rank, they are not
calibrated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voxport.package.word_pieces import drop_first_space

if TYPE_CHECKING:  # `voxport --help` lists the formats of a transcript, and loads no numpy
    from numpy.typing import NDArray

    from voxport.backends.contract import GraphOutput
    from voxport.package.manifest import ModelInfo


@dataclass(frozen=True)
class Token:
    """Label with its place in the recording."""

    text: str  # the label; the word delimiter is a space
    start: float  # seconds
    end: float  # seconds
    score: float  # 0 to 1


@dataclass(frozen=True)
class Word:
    """Run of tokens between two word delimiters, a phoneme, or the pieces of a word; else all."""

    text: str
    start: float  # seconds, of its first token
    end: float  # seconds, of its last token
    score: float  # 0 to 1


@dataclass(frozen=True)
class Transcript:
    """Text of a recording, with the times and scores of its words and tokens."""

    text: str  # exactly as the graph decoded it: leading, trailing and double spaces are kept
    duration: float  # seconds
    words: tuple[Word, ...] = ()
    tokens: tuple[Token, ...] = ()  # their texts joined are `text`


@dataclass(frozen=True)
class TokenPath:
    """CTC path: N tokens and the run of frames of each."""

    tokens: list[int]  # indices into the labels
    starts: list[int]  # frames
    ends: list[int]  # frames, exclusive
    scores: list[float]  # mean posterior


def build_transcripts(
    output: "GraphOutput", seconds: list[float], model: "ModelInfo"
) -> list[Transcript]:
    """Build a transcript a row of the output; ``seconds`` holds each row's duration."""
    texts = output.transcript
    if texts is None:
        raise TypeError("build_transcripts() needs every decoded output of the graph")
    return [
        build_transcript(_path(output, row), duration, model, texts[row])
        for row, duration in enumerate(seconds)
    ]


def build_transcript(
    path: TokenPath, duration: float, model: "ModelInfo", text: str | None = None
) -> Transcript:
    """Build the transcript of a recording of ``duration`` seconds from its path.

    ``text`` is the graph's own; without it, the path's labels are joined.
    """
    labels = [model.labels[token] for token in path.tokens]
    tokens = build_tokens(path, labels, duration, model)
    words = tuple(build_word(path, tokens, run) for run in _word_runs(labels, model.word_delimiter))
    joined = "".join(token.text for token in tokens)
    return Transcript(joined if text is None else text, duration, words, tokens)


def _word_runs(labels: Sequence[str], delimiter: str | None) -> list[list[int]]:
    """Group the indices of labels into words.

    A word ends at a word delimiter, or with a label that ends in a space, as phonemes do; and a
    label that begins with a space, as word pieces do, begins one. Labels without a text (special
    tokens) are in no word.
    """
    runs: list[list[int]] = [[]]
    for index, label in enumerate(labels):
        if not label:
            continue
        is_gap = delimiter is not None and label == delimiter
        if label.startswith(" ") and label.strip(" "):
            runs.append([])
        if not is_gap:
            runs[-1].append(index)
        if is_gap or label.endswith(" "):
            runs.append([])
    return [run for run in runs if run]


def build_tokens(
    path: TokenPath, labels: Sequence[str], duration: float, model: "ModelInfo"
) -> tuple[Token, ...]:
    """Build the tokens of a path, their times in seconds; ``labels`` holds the label of each."""
    texts = [" " if label == model.word_delimiter else label for label in labels]
    if model.has_word_pieces:
        texts = drop_first_space(texts)
    columns = zip(texts, path.starts, path.ends, path.scores, strict=True)
    return tuple(
        Token(
            text=text,
            start=min(start * model.frame_stride / model.sample_rate, duration),
            end=min(end * model.frame_stride / model.sample_rate, duration),
            score=score,
        )
        for text, start, end, score in columns
    )


def build_word(
    path: TokenPath, tokens: Sequence[Token], run: Sequence[int], text: str | None = None
) -> Word:
    """Build the word of a run of the path's tokens; ``text`` replaces their labels joined."""
    frames = [path.ends[i] - path.starts[i] for i in run]
    total = sum(tokens[i].score * count for i, count in zip(run, frames, strict=True))
    return Word(
        text="".join(tokens[i].text for i in run).strip(" ") if text is None else text,
        start=tokens[run[0]].start,
        end=tokens[run[-1]].end,
        score=total / max(1, sum(frames)),
    )


def _path(output: "GraphOutput", row: int) -> TokenPath:
    lengths, tokens, scores = output.token_lengths, output.tokens, output.token_scores
    starts, ends = output.token_starts, output.token_ends
    if lengths is None or tokens is None or scores is None or starts is None or ends is None:
        raise TypeError("build_transcripts() needs every decoded output of the graph")
    columns = (tokens, starts, ends, scores)
    return TokenPath(*(_items(column[row, : int(lengths[row])]) for column in columns))


def _items(column: "NDArray[Any]") -> list[Any]:
    return column.tolist()
