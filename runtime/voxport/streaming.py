"""Recognize a stream while it is spoken: final words, and a preview of the rest.

The model runs again and again on the last seconds, each time with a little more. Every run is a
hypothesis; the frames and labels of a word differ a little from one to the next, and a label or a
delimiter may be missing from some. So final letters are found in a new hypothesis by label and time
(`_boundary`): no word comes twice, none loses a letter to its neighbour. A word is final once
hypotheses agree on it, or when it would be late otherwise (`Finality`).

``StreamDecoder`` is a stream without a recognizer: it says which clip to run, and takes the
emission. So one recognizer can run the clips of many streams in a batch.

Knows samples and emissions; neither the source of samples, nor the display of events.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from voxport.audio.resample import Resampler
from voxport.decoding import greedy
from voxport.errors import InputError
from voxport.package.manifest import ModelInfo
from voxport.recognizer import Recognizer
from voxport.transcript.edit_distance import edit_distance_table
from voxport.transcript.transcript import TokenPath, Word, build_transcript

STEP_S = 0.25  # of new audio between two runs
IDLE_STEP_S = 0.5  # between two runs while every word heard is final
LONGEST_STEP_S = 1.0  # between two runs if so much audio waits, as it comes faster than it is heard
AGREED_AFTER_S = 1.1  # of audio behind a word make it final if hypotheses agree on it
PAUSED_AFTER_S = 1.0  # do so for the last word, with silence behind it
GROUPED_AFTER_S = 0.8  # do so for a word that follows one which is final now
OVERDUE_AFTER_S = 1.8  # is the most that a word may wait, so that it is final within two seconds
CONTEXT_S = 4.0  # that the model hears before the first word that is not final
WINDOW_S = 8.0  # that the model hears at once, as long as words end

_NEAR_S = 0.3  # within which a late letter belongs to the word before it
_SILENCE_S = 0.8  # that no word holds: a run that hears no delimiter there has missed it
_COMPARED_S = 2.0  # before the boundary, in which letters are compared
_RECENT_S = 0.8  # at the end of a window, not yet heard with what follows
_HYPOTHESES = 7  # of which the readings of a word are counted
_AGREED = 3  # readings at the least, for hypotheses to agree on a word
_COMPARED_LETTERS = 8  # behind the boundary
_STEPS = 8  # of which the longest is expected to come again


class Finality(Enum):
    """The reason for which the first word of a hypothesis is final, or is not.

    ========  ===================================================  ===============================
    case      audio behind the word                                and
    ========  ===================================================  ===============================
    ENDED     any                                                  the stream ends or pauses
    AGREED    ``AGREED_AFTER_S``                                   hypotheses agree on it
    PAUSED    ``PAUSED_AFTER_S``, and no other word                hypotheses agree on it
    GROUPED   ``GROUPED_AFTER_S``, and the word before it is       hypotheses agree on it
              final now
    OVERDUE   would be over ``OVERDUE_AFTER_S`` at the next run    no other reading has more votes
    ENDLESS   ``OVERDUE_AFTER_S`` behind some letters of a word    the window is full: the model
              that does not end                                    has no delimiter or hears none
    PENDING   less                                                 none of these
    ========  ===================================================  ===============================

    Hypotheses agree on a word if the last three have it, letter by letter, and none of the last
    seven has another. While they differ, the word waits; then most votes decide.
    """

    ENDED = "ended"
    AGREED = "agreed"
    PAUSED = "paused"
    GROUPED = "grouped"
    OVERDUE = "overdue"
    ENDLESS = "endless"
    PENDING = "pending"


@dataclass(frozen=True)
class Event:
    """Words of a stream; their times count from the start of the stream."""

    words: tuple[Word, ...]
    final: bool  # False: a preview that may change

    @property
    def text(self) -> str:
        """The words on a line."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class _Letter:
    """A label other than blank and delimiter, by the stream's frames."""

    token: int
    start: int
    end: int  # exclusive
    score: float
    begins_word: bool  # a delimiter is before it


_Letters = tuple[_Letter, ...]
_Reading = tuple[int, ...]  # the labels of a word


@dataclass
class _Hypothesis:
    """The letters of one run, and the first not yet final."""

    letters: _Letters  # all
    now: int  # the stream's frames that had been heard
    first: int = 0  # of the letters that are not final

    @property
    def pending(self) -> _Letters:
        """The letters not yet final."""
        return self.letters[self.first :]


class StreamingRecognizer:
    """A recognizer of one stream, fed block by block.

    Every word is final once, within two seconds of its end as long as blocks are short
    (0.5 s and less) and the model is quicker than speech; meanwhile previews come. Blocks of any
    size up to 0.5 s give the same words.

    Args:
        recognizer: from ``voxport.load``; one may serve many streams.
        sample_rate: of the blocks, in Hz.

    Examples:
        >>> import numpy as np
        >>> import voxport
        >>> from voxport.streaming import StreamingRecognizer
        >>> recognizer = voxport.load("commands", provider="cpu")
        >>> stream = StreamingRecognizer(recognizer, sample_rate=16000)
        >>> microphone = np.zeros((8, 4000), np.float32)  # blocks of 0.25 s
        >>> for block in microphone:
        ...     for event in stream.push(block):
        ...         print("final" if event.final else "preview", event.text)
        >>> stream.finish()
        []
    """

    def __init__(self, recognizer: Recognizer, sample_rate: int) -> None:
        self._recognizer = recognizer
        self._decoder = StreamDecoder(recognizer.manifest.model, sample_rate)

    def push(self, block: NDArray[np.float32]) -> list[Event]:
        """Hear one more block of mono samples (S,), and return new words and previews.

        Args:
            block: float samples at the stream's rate, full scale 1; any number of them.

        Returns:
            Final words and previews, in order; none if nothing has changed.

        Raises:
            InputError: the block is not an array of one dimension.
        """
        self._decoder.push(block)
        return self._run_clips()

    def pause(self) -> list[Event]:
        """Make all heard words final: call it if no block comes for a while."""
        self._decoder.pause()
        return self._run_clips()

    def finish(self) -> list[Event]:
        """End the stream and return its last words as final."""
        self._decoder.finish()
        return self._run_clips()

    def _run_clips(self) -> list[Event]:
        events: list[Event] = []
        while (clip := self._decoder.next_clip()) is not None:
            events += self._decoder.take(self._recognizer.emission(clip))
        return events


class StreamDecoder:
    """A stream without a recognizer: the next clip to run, and the events of its emission.

    Of many streams, a scheduler runs the clips in a batch. Clips and events depend on the audio
    alone, whatever its blocks, as long as less than ``LONGEST_STEP_S`` waits; audio pushed while a
    clip runs waits, and up to so much of it goes into the next clip.

    Args:
        model: of the recognizer, ``recognizer.manifest.model``.
        sample_rate: of the blocks, in Hz.

    Examples:
        >>> import numpy as np
        >>> import voxport
        >>> from voxport.streaming import StreamDecoder
        >>> recognizer = voxport.load("commands", provider="cpu")
        >>> streams = [StreamDecoder(recognizer.manifest.model, 16000) for _ in range(3)]
        >>> for stream in streams:
        ...     stream.push(np.zeros(8000, np.float32))
        >>> clips = [stream.next_clip() for stream in streams]
        >>> for stream, emission in zip(streams, recognizer.emission(clips)):
        ...     print(stream.take(emission))
        []
        []
        []
        >>> streams[0].next_clip() is None  # until there is more audio
        True
    """

    def __init__(self, model: ModelInfo, sample_rate: int) -> None:
        self._model = model
        self._resampler = Resampler(sample_rate, self._model.sample_rate)
        self._waiting: deque[NDArray[np.float32] | None] = deque()  # None: all heard words end
        self._is_running = False  # a clip was given whose emission has not come
        self._at_end = False  # the running clip is the last before a pause
        self._waveform = np.zeros(0, np.float32)  # that the model hears
        self._first = 0  # the frame of the stream that it starts with
        self._new = 0  # samples of it that the model has not heard
        self._steps: list[int] = []  # frames between the latest runs with words not final
        self._final: _Letters = ()  # the final letters that lie in the waveform
        self._boundary = 0  # the frame that parts final letters from pending ones
        self._pauses = [0]  # frames between words, at which a window may start
        self._hypotheses: list[_Hypothesis] = []  # the latest, newest last
        self._preview: list[str] = []  # the words that were not final in the last run

    def push(self, block: NDArray[np.float32]) -> None:
        """Add one more block of mono samples (S,), of any size.

        Raises:
            InputError: the block is not an array of one dimension.
        """
        if block.ndim != 1:
            raise InputError(f"expected a block of mono samples (S,), got {list(block.shape)}")
        self._wait(self._resampler.push(block))

    def pause(self) -> None:
        """Make all heard words final with the next clip: no block comes for a while."""
        self._waiting.append(None)

    def finish(self) -> None:
        """Make all heard words final with the next clip: no block comes any more."""
        self._wait(self._resampler.finish())
        self._waiting.append(None)

    def next_clip(self) -> NDArray[np.float32] | None:
        """Return the samples (S,) to run next, at the model's rate; None: more audio is needed.

        It is the same clip until its emission is taken.
        """
        while self._waiting and not self._is_running:
            if self._waiting[0] is None:
                self._waiting.popleft()
                self._is_running = self._at_end = bool(self._new or self._preview)
            else:
                step = self._step()
                self._append(self._next_samples(step - self._new))
                self._is_running = self._new >= step
        return self._waveform if self._is_running else None

    def take(self, emission: NDArray[np.float32]) -> list[Event]:
        """Take the emission (frames, labels) of the clip, and return new words and previews.

        Raises:
            InputError: no clip has been given.
        """
        if not self._is_running:
            raise InputError("expected a clip from next_clip() before its emission")
        at_end, self._is_running, self._at_end = self._at_end, False, False
        return self._hear(emission, at_end)

    def _wait(self, samples: NDArray[np.float32]) -> None:
        if len(samples):
            self._waiting.append(samples)

    def _step(self) -> int:
        """Return the new samples that the next clip needs: the same for blocks of any size."""
        new = self._new + sum(len(block) for block in self._waiting if block is not None)
        longest = self._samples(LONGEST_STEP_S)
        if new >= longest:
            return longest
        return self._samples(STEP_S if self._preview else IDLE_STEP_S)

    def _next_samples(self, most: int) -> NDArray[np.float32]:
        """Return samples that wait, up to a number of them or a pause."""
        taken: list[NDArray[np.float32]] = []
        while self._waiting and most and (block := self._waiting[0]) is not None:
            taken.append(block[:most])
            self._waiting.popleft()
            if len(block) > most:
                self._waiting.appendleft(block[most:])
            most -= len(taken[-1])
        return np.concatenate(taken)

    def _append(self, samples: NDArray[np.float32]) -> None:
        self._waveform = np.concatenate([self._waveform, samples])
        self._new += len(samples)

    def _hear(self, emission: NDArray[np.float32], at_end: bool) -> list[Event]:
        """Return the newly final words of a window's emission, and a new preview."""
        if self._preview:
            self._steps = [*self._steps[1 - _STEPS :], self._new // self._model.frame_stride]
        self._new = 0
        path = greedy.decode(emission, self._model.blank)
        newest = _Hypothesis(self._letters(path), self._first + len(emission))
        known = self._hypotheses[-1].pending if self._hypotheses else ()
        newest.first = self._find_first(newest, known)
        self._hypotheses = [*self._hypotheses[1 - _HYPOTHESES :], newest]
        words = list(self._final_words(at_end))
        self._forget(newest)
        rest = self._words(newest.pending)
        before, self._preview = self._preview, [word.text for word in rest]
        events = [Event(tuple(words), final=True)] if words else []
        if rest and (words or self._preview != before):
            events.append(Event(tuple(rest), final=False))
        return events

    def _final_words(self, at_end: bool) -> Iterator[Word]:
        """Yield the final words, and move all hypotheses behind each."""
        reason = Finality.PENDING
        while True:
            reason, hypothesis, count = self._decide(reason, at_end)
            if reason is Finality.PENDING:
                return
            yield from self._words(hypothesis.pending[:count])
            self._finalize(hypothesis, count)

    def _decide(self, before: Finality, at_end: bool) -> tuple[Finality, _Hypothesis, int]:
        """Decide on the first pending word: the reason, a hypothesis, and its letters of the word.

        ``before`` is the reason for which the word before it became final in this run.
        """
        newest = self._hypotheses[-1]
        if not newest.pending:
            return Finality.PENDING, newest, 0
        readings = [self._reading(hypothesis) for hypothesis in self._hypotheses]
        votes = Counter(reading for reading in readings[::-1] if reading is not None)
        if not votes:
            if at_end:
                return Finality.ENDED, newest, _word_length(newest.pending)
            return self._decide_endless(newest)
        best = max(votes, key=votes.__getitem__)  # of equal ones the newest
        source = self._hypotheses[max(i for i, found in enumerate(readings) if found == best)]
        count = len(best)
        age = newest.now - source.pending[count - 1].end
        if at_end and age < self._frames(_RECENT_S):
            return Finality.ENDED, newest, _word_length(newest.pending)
        is_agreed = readings[-_AGREED:] == [best] * _AGREED and len(votes) == 1
        is_last = len(newest.pending) == count
        is_grouped = is_agreed and before is not Finality.PENDING
        reason = Finality.PENDING
        if at_end:
            reason = Finality.ENDED
        elif is_agreed and age >= self._frames(AGREED_AFTER_S):
            reason = Finality.AGREED
        elif is_agreed and is_last and age >= self._frames(PAUSED_AFTER_S):
            reason = Finality.PAUSED
        elif is_grouped and age >= self._frames(GROUPED_AFTER_S):
            reason = Finality.GROUPED
        elif age + max(self._steps, default=self._frames(STEP_S)) > self._frames(OVERDUE_AFTER_S):
            reason = Finality.OVERDUE
        return reason, source, count

    def _decide_endless(self, newest: _Hypothesis) -> tuple[Finality, _Hypothesis, int]:
        """Decide on letters of a word that no hypothesis ends."""
        if len(self._waveform) <= self._samples(WINDOW_S):
            return Finality.PENDING, newest, 0
        limit = newest.now - self._frames(OVERDUE_AFTER_S)
        count = sum(letter.end <= limit for letter in newest.pending)
        return (Finality.ENDLESS if count else Finality.PENDING), newest, count

    def _reading(self, hypothesis: _Hypothesis) -> _Reading | None:
        """Return the labels of the first pending word; None if it may still go on."""
        count = _word_length(hypothesis.pending)
        word = hypothesis.pending[:count]
        if not word or hypothesis.now - word[-1].end < self._frames(_NEAR_S):
            return None
        return tuple(letter.token for letter in word)

    def _finalize(self, source: _Hypothesis, count: int) -> None:
        """Make the first letters of a hypothesis final, and find the letters after them in all."""
        rest = source.pending[count:]
        self._final += source.pending[:count]
        self._place_boundary(rest[0].start if rest else source.now)
        for hypothesis in self._hypotheses:
            hypothesis.first = self._find_first(hypothesis, rest)

    def _place_boundary(self, following: int) -> None:
        """Put the boundary between the last final letter and the frame of the following one."""
        last = self._final[-1].end if self._final else self._first
        earliest = following - self._frames(_NEAR_S)
        self._boundary = max(self._boundary, (last + following) // 2, earliest)

    def _find_first(self, hypothesis: _Hypothesis, known: _Letters) -> int:
        """Find the first letter of a hypothesis not yet final.

        ``known`` are the letters that another hypothesis has there.
        """
        since = max(self._first, self._boundary - self._frames(_COMPARED_S))
        skipped = sum(letter.start < since for letter in hypothesis.letters)
        final = [letter.token for letter in self._final if letter.start >= since]
        letters = hypothesis.letters[skipped:]
        heard = [letter.token for letter in known if letter.start < hypothesis.now]
        following = heard[:_COMPARED_LETTERS]
        near = self._frames(_NEAR_S)
        first = skipped + _split(letters, final, following, self._boundary, near)
        if final and not known:  # a letter heard too late: its word is final without it
            latest = self._final[-1].end + near
            while first < len(hypothesis.letters) and hypothesis.letters[first].start < latest:
                first += 1
        return first

    def _forget(self, newest: _Hypothesis) -> None:
        """Drop audio no longer needed; the window starts in a pause if there is one."""
        quiet = newest.now - self._frames(_RECENT_S)
        following = newest.pending[0].start if newest.pending else quiet
        self._place_boundary(following)
        self._pauses.append(self._boundary)
        latest = max(0, following - self._frames(CONTEXT_S))
        if len(self._waveform) <= self._samples(WINDOW_S) or latest <= self._first:
            return
        earliest = latest - self._frames(CONTEXT_S / 2)
        places = [place for place in self._pauses if earliest <= place <= latest]
        first = max([*places, self._first]) if places else latest
        self._waveform = self._waveform[(first - self._first) * self._model.frame_stride :]
        self._first = first
        self._final = tuple(letter for letter in self._final if letter.start >= first)
        self._pauses = [place for place in self._pauses if place >= first]

    def _letters(self, path: TokenPath) -> _Letters:
        """Return the letters of a path of the window."""
        letters: list[_Letter] = []
        begins = True
        has_delimiter = self._model.word_delimiter is not None
        for token, start, end, score in zip(
            path.tokens, path.starts, path.ends, path.scores, strict=True
        ):
            label = self._model.labels[token]
            if label == self._model.word_delimiter:
                begins = True
                continue
            begins = begins or label.startswith(" ")  # a piece that begins a word
            silence = self._first + start - letters[-1].end if letters else 0
            begins = begins or (has_delimiter and silence >= self._frames(_SILENCE_S))
            letters.append(_Letter(token, self._first + start, self._first + end, score, begins))
            begins = False
        return tuple(letters)

    def _words(self, letters: Sequence[_Letter]) -> list[Word]:
        """Return the words of some letters, from the start of a word on."""
        heard = self._first * self._model.frame_stride + len(self._waveform)
        words: list[Word] = []
        while letters:
            count = _word_length(letters)
            columns = [(i.token, i.start, i.end, i.score) for i in letters[:count]]
            path = TokenPath(*(list(column) for column in zip(*columns, strict=True)))
            words += build_transcript(path, heard / self._model.sample_rate, self._model).words
            letters = letters[count:]
        return words

    def _frames(self, seconds: float) -> int:
        return int(seconds * self._model.sample_rate / self._model.frame_stride)

    def _samples(self, seconds: float) -> int:
        return int(seconds * self._model.sample_rate)


def _word_length(letters: Sequence[_Letter]) -> int:
    """Return the number of letters of the first word."""
    return next(
        (count for count, letter in enumerate(letters) if count and letter.begins_word),
        len(letters),
    )


def _split(
    letters: Sequence[_Letter],
    final: Sequence[int],  # labels
    following: Sequence[int],  # labels
    boundary: int,  # frame
    near: int,  # frames
) -> int:
    """Return how many of the letters are final ones: those before the best split.

    A split costs the edits that make the letters before it the final ones, and those behind it the
    following ones; and, for each letter on the wrong side of the boundary, its distance from there
    (``near`` frames are one edit, two edits are the most). Where only one side is known, or a label
    differs, the other evidence decides; delimiters, which come and go, have no part in it.
    """
    before = edit_distance_table(list(final), [letter.token for letter in letters])[-1]
    late = [((letter.start + letter.end) / 2 - boundary) / near for letter in letters]
    costs: list[float] = []
    for count in range(len(letters) + 1):
        behind = [letter.token for letter in letters[count : count + len(following) + 2]]
        differing = int(edit_distance_table(list(following), behind)[-1].min()) if following else 0
        wrong_side = [*late[:count], *(-distance for distance in late[count:])]
        costs.append(int(before[count]) + differing + sum(min(max(d, 0), 2) for d in wrong_side))
    return costs.index(min(costs))
