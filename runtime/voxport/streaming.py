"""Speech while it is being spoken: what was said up to now, and what of it will not change.

The model hears the last seconds again and again, each time with a little more. A word is final
when enough has been heard after it: at a pause, or when it would otherwise be late. Each run may
move a token by a frame, so what is final is found again in the next run by its tokens, not by its
frames: no word is given twice, and none is lost.

Knows samples and a recognizer; not where samples come from, nor how events are shown.
"""

from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np
from numpy.typing import NDArray

from voxport.audio.resample import Resampler
from voxport.decoding import greedy
from voxport.recognizer import Recognizer
from voxport.transcript.edit_distance import edit_distance_table
from voxport.transcript.transcript import TokenPath, Transcript, Word, build_transcript

# Seconds, all of them.
STEP = 0.25  # of new audio between two runs at the least
LONGEST_STEP = 1.0  # and at the most, where audio comes faster than it is spoken
AFTER = 0.8  # that the model must have heard behind a word that is final
PAUSE = 1.0  # without a word that end a line
LATE = 1.1  # after its end, a word is final without a pause, if two runs agree on it
LATEST = 1.4  # and now even if they do not
NEAR = 0.3  # within which a token belongs to the word before it
BEFORE = 3.0  # that the model hears before what is not final
LONGEST = 6.0  # that the model hears at once, as long as words end


@dataclass(frozen=True)
class Event:
    """Some words of a stream; its times count from where the stream began."""

    words: tuple[Word, ...]
    final: bool  # else this is what the words seem to be up to now

    @property
    def text(self) -> str:
        """The words on a line."""
        return " ".join(word.text for word in self.words)


class Live:
    """A stream that is being transcribed."""

    def __init__(self, recognizer: Recognizer, rate: int) -> None:
        self._recognizer = recognizer
        self._model = recognizer.manifest.model
        self._resampler = Resampler(rate, self._model.sample_rate)
        self._waveform = np.zeros(0, np.float32)  # that the model hears
        self._first = 0  # the frame of the stream that it starts with
        self._new = 0  # samples of it that the model has not heard
        self._done = _Tokens(
            TokenPath([], [], [], [])
        )  # what is final, as far as it is in the waveform
        self._place = 0  # the frame up to which all is final
        self._seen: list[str] = []  # the words that were not final in the last run

    def push(self, block: NDArray[np.float32]) -> list[Event]:
        """What is known after one more block (S,) at the stream's rate."""
        samples = self._resampler.push(block)
        events: list[Event] = []
        longest = self._samples(LONGEST_STEP)
        for start in range(0, len(samples), longest):
            self._append(samples[start : start + longest])
            if self._new >= self._samples(STEP):
                events += self._run(at_end=False)
        return events

    def pause(self) -> list[Event]:
        """What is final where nothing comes for a while: all that was heard."""
        return self._run(at_end=True) if self._new or self._seen else []

    def finish(self) -> list[Event]:
        """What is final at the end of the stream."""
        self._append(self._resampler.finish())
        return self._run(at_end=True)

    def _append(self, samples: NDArray[np.float32]) -> None:
        self._waveform = np.concatenate([self._waveform, samples])
        self._new += len(samples)

    def _run(self, at_end: bool) -> list[Event]:
        self._new = 0
        emission = self._recognizer.emission(self._waveform)
        heard = _Tokens.of(greedy.decode(emission, self._model.blank), self._first)
        now = self._first + len(emission)
        pending = heard.after(self._done, self._place, since=self._place - self._frames(2 * PAUSE))
        pending = pending.tail(self._rest_of_word(pending))
        count = len(pending.path.tokens) if at_end else self._settled(pending, now)
        events: list[Event] = []
        if words := self._words(pending.head(count)):
            events.append(Event(words, final=True))
        self._settle(pending, count, now)
        rest = self._words(pending.tail(count))
        seen, self._seen = self._seen, [word.text for word in rest]
        if rest and (words or self._seen != seen):
            events.append(Event(rest, final=False))
        return events

    def _settled(self, pending: "_Tokens", now: int) -> int:
        """How many of the pending tokens are final: those of whole words, and what parts them."""
        ages = [now - end for end in pending.path.ends]  # frames
        ends = self._word_ends(pending)
        words = [word.text for word in self._words(pending)]
        same = (one == other for one, other in zip(self._seen, words, strict=False))
        agreed = sum(takewhile(bool, same))
        old = [end for end in ends[:agreed] if ages[end - 1] >= self._frames(AFTER)]
        old += [end for end in ends[len(old) :] if ages[end - 1] >= self._frames(LATEST)]
        count = 0
        if old and (
            ages[old[0] - 1] >= self._frames(LATE)
            or (old[-1] == ends[-1] and ages[old[-1] - 1] >= self._frames(PAUSE))
        ):
            count = old[-1]
        elif len(self._waveform) > self._samples(LONGEST) and not old:
            # A word without end: the model has no delimiter, or hears none.
            count = sum(age >= self._frames(LATEST) for age in ages)
        labels = self._labels(pending)
        while (
            count < len(labels)
            and labels[count] == self._model.word_delimiter
            and ages[count] >= self._frames(AFTER)
        ):
            count += 1
        return count

    def _rest_of_word(self, pending: "_Tokens") -> int:
        """How many of the pending tokens were heard too late: their word is final without them."""
        delimiter, done = self._model.word_delimiter, self._done.path
        labels = self._labels(pending)
        if delimiter not in labels or not done.ends or self._labels(self._done)[-1] == delimiter:
            return 0
        is_near = pending.path.starts[0] - done.ends[-1] <= self._frames(NEAR)
        return labels.index(delimiter) if is_near else 0

    def _word_ends(self, pending: "_Tokens") -> list[int]:
        """For each word, the number of tokens up to its last."""
        is_word = [label != self._model.word_delimiter for label in self._labels(pending)]
        pairs = enumerate(pairwise([*is_word, False]), 1)
        return [count for count, (this, following) in pairs if this and not following]

    def _labels(self, tokens: "_Tokens") -> list[str]:
        return [self._model.labels[token] for token in tokens.path.tokens]

    def _settle(self, pending: "_Tokens", count: int, now: int) -> None:
        """Make the first `count` tokens final, and forget what nobody will need to hear again."""
        self._done = self._done.joined(pending.head(count))
        rest = pending.tail(count).path
        quiet = now - self._frames(AFTER) if not rest.starts else rest.starts[0]
        last = self._done.path.ends[-1] if self._done.path.ends else 0
        self._place = max(self._place, (last + quiet) // 2 if count else min(quiet, now))
        first = max(0, self._place - self._frames(BEFORE))
        if len(self._waveform) > self._samples(LONGEST) and first > self._first:
            self._waveform = self._waveform[(first - self._first) * self._model.frame_stride :]
            self._first = first
            self._done = self._done.since(first)

    def _words(self, tokens: "_Tokens") -> tuple[Word, ...]:
        samples = self._first * self._model.frame_stride + len(self._waveform)
        said: Transcript = build_transcript(
            tokens.path, samples / self._model.sample_rate, self._model
        )
        return said.words

    def _frames(self, seconds: float) -> int:
        return int(seconds * self._model.sample_rate / self._model.frame_stride)

    def _samples(self, seconds: float) -> int:
        return int(seconds * self._model.sample_rate)


@dataclass(frozen=True)
class _Tokens:
    """A part of a path, by the stream's frames."""

    path: TokenPath

    @classmethod
    def of(cls, path: TokenPath, first: int) -> "_Tokens":
        starts, ends = ([frame + first for frame in line] for line in (path.starts, path.ends))
        return cls(TokenPath(path.tokens, starts, ends, path.scores))

    def head(self, count: int) -> "_Tokens":
        return self._part(slice(count))

    def tail(self, count: int) -> "_Tokens":
        return self._part(slice(count, None))

    def since(self, frame: int) -> "_Tokens":
        return self.tail(sum(start < frame for start in self.path.starts))

    def joined(self, other: "_Tokens") -> "_Tokens":
        one, two = self.path, other.path
        return _Tokens(
            TokenPath(
                one.tokens + two.tokens,
                one.starts + two.starts,
                one.ends + two.ends,
                one.scores + two.scores,
            )
        )

    def after(self, done: "_Tokens", place: int, since: int) -> "_Tokens":
        """Those of these tokens that come after the ones that are `done` up to `place`.

        Both are compared from the frame `since` on. Where several cuts are alike, the one nearest
        to `place` in time is taken.
        """
        recent, known = self.since(since), done.since(since)
        distances = edit_distance_table(known.path.tokens, recent.path.tokens)[-1]
        edges = [since, *recent.path.ends]
        return recent.tail(
            min(range(len(edges)), key=lambda cut: (distances[cut], abs(edges[cut] - place)))
        )

    def _part(self, part: slice) -> "_Tokens":
        path = self.path
        return _Tokens(
            TokenPath(path.tokens[part], path.starts[part], path.ends[part], path.scores[part])
        )
