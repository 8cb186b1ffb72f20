"""``Recognizer``: audio in, transcripts out.

Reads inputs, batches them, runs the artifact and puts the answers back in the order given. Knows no
backend by name and no file format; keeps nothing between calls, so threads may share one.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from voxport.alignment import text_aligner
from voxport.alignment.text_aligner import AlignedTranscript
from voxport.audio.recording import (
    AudioInput,
    Clip,
    Recording,
    name_of,
    open_recording,
    require_sequence,
)
from voxport.backends.contract import DECODED, Backend
from voxport.decoding import greedy
from voxport.decoding.beam_search import BeamSearch
from voxport.errors import InferenceError, InputError, VoxportError
from voxport.feature_extractor import FeatureExtractor
from voxport.inference.batches import BATCH_SECONDS, batches
from voxport.inference.engine import Engine
from voxport.inference.long_recordings import (
    WHOLE_SECONDS,
    WINDOW_SECONDS,
    LongRecordings,
    Progress,
    samples_of,
)
from voxport.package.manifest import Artifact, Manifest
from voxport.transcript.transcript import Transcript, transcript, transcripts

# Inputs are read ahead, sorted and batched this many batches at a time: enough to find clips of
# like length, and little enough that hours of files are not in memory and the first answer is soon.
_BATCHES_AHEAD = 8

_PAIRS = "expected a recording and its text, or as many texts as recordings"


@dataclass(frozen=True)
class Outcome:
    """What became of one input of many: a transcript or an error, never both."""

    name: str  # the file, or "inputs[3]"
    transcript: Transcript | None = None
    error: VoxportError | None = None  # its `reason` is the message without the name

    def answer(self) -> Transcript:
        """The transcript, or the error raised."""
        if self.transcript is None:
            raise self.error or InferenceError("no answer", self.name)
        return self.transcript


class Recognizer:
    """A loaded artifact; ``voxport.load`` makes one. Several threads may use it at once."""

    def __init__(
        self,
        manifest: Manifest,
        artifact: Artifact,
        backend: Backend,
        *,
        batch_seconds: float = BATCH_SECONDS,
        whole_seconds: float = WHOLE_SECONDS,
        window_seconds: float = WINDOW_SECONDS,
        decoder: BeamSearch | None = None,
    ) -> None:
        self.manifest = manifest
        self.artifact = artifact
        self.provider = backend.provider  # what the backend really runs on
        self._backend = backend
        self._engine = Engine(manifest.model, artifact, backend)
        self._model = manifest.model
        self._decode = decoder.of(manifest.model) if decoder else None  # None: as the graph does
        self._limit = max(1, samples_of(batch_seconds, self._model))
        self._long = LongRecordings(
            self._engine, self._model, batch_seconds, whole_seconds, window_seconds
        )

    def __repr__(self) -> str:
        return f"<Recognizer {self._model.name} {self.artifact.path} on {self.provider}>"

    @property
    def identity(self) -> str:
        """The hashes of the artifact and of weights beside it: which model this is."""
        files = [self.artifact, *self.artifact.external_data]
        return " ".join(entry.sha256 for entry in files)

    @overload
    def transcribe(
        self, x: list[AudioInput] | tuple[AudioInput, ...], sample_rate: int | None = None
    ) -> list[Transcript]: ...

    @overload
    def transcribe(self, x: AudioInput, sample_rate: int | None = None) -> Transcript: ...

    def transcribe(
        self,
        x: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
    ) -> Transcript | list[Transcript]:
        """The transcript of a recording, or of each of a list of them in the order given.

        A recording is a path, an array of [samples] or [samples, channels], the bytes of an audio
        file or an open one. `sample_rate` is that of the arrays, the model's own if it is not
        given; files bring theirs. The first input that fails raises its error; ``transcribe_each``
        goes on.
        """
        if isinstance(x, (list, tuple)):
            return [outcome.answer() for outcome in self.transcribe_each(x, sample_rate)]
        with self._open(x, name_of(x, "the input"), sample_rate) as recording:
            if recording in self._long:
                return self._transcribe_long(recording)
            return self._transcribe([_clip(recording)])[0]

    def transcribe_each(
        self,
        inputs: Iterable[AudioInput],
        sample_rate: int | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Outcome]:
        """One outcome an input, in the order given, each as soon as it and those before are done.

        An input that fails is an outcome with an error and stops no other. `progress` is called
        while a long recording is under way.
        """
        return self._each(require_sequence(inputs), sample_rate, progress)

    def _each(
        self, inputs: Iterable[AudioInput], sample_rate: int | None, progress: Progress | None
    ) -> Iterator[Outcome]:
        for group in self._groups(inputs, sample_rate):
            if isinstance(group, Recording):
                with group:
                    yield self._try_long(group, progress)
            else:
                yield from self._outcomes(group)

    def emission(self, waveform: AudioInput, sample_rate: int | None = None) -> NDArray[np.float32]:
        """The model's emission for one recording: float32 [frames, labels]."""
        return self._heard(waveform, name_of(waveform, "the input"), sample_rate)[0]

    @overload
    def align(
        self,
        x: list[AudioInput] | tuple[AudioInput, ...],
        text: Sequence[str],
        sample_rate: int | None = None,
    ) -> list[AlignedTranscript]: ...

    @overload
    def align(
        self, x: AudioInput, text: str, sample_rate: int | None = None
    ) -> AlignedTranscript: ...

    def align(
        self,
        x: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        text: str | Sequence[str],
        sample_rate: int | None = None,
    ) -> AlignedTranscript | list[AlignedTranscript]:
        """When each word of a known text was said in a recording, or in each of a list of them.

        What the labels cannot spell is in the answer's `unspelled`; ``*`` as a word stands for
        anything that the text leaves out.
        """
        texts = text_aligner.texts_of(text)
        if not isinstance(x, (list, tuple)):
            if not isinstance(text, str):
                raise InputError(_PAIRS)
            emission, seconds = self._heard(x, name_of(x, "the input"), sample_rate)
            return text_aligner.align([emission], texts, [seconds], self._model)[0]
        if len(x) != len(texts) or isinstance(text, str):
            raise InputError(_PAIRS)
        names = [name_of(item, f"inputs[{i}]") for i, item in enumerate(x)]
        heard = [self._heard(*pair, sample_rate) for pair in zip(x, names, strict=True)]
        emissions, durations = [item[0] for item in heard], [item[1] for item in heard]
        return text_aligner.align(emissions, texts, durations, self._model, names)

    def features(
        self,
        waveform: AudioInput,
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> NDArray[np.float32]:
        """The transformer layers' outputs for one recording: float32 [layers, frames, width].

        For packages that were exported with ``--features``; ``FeatureExtractor.features`` says what
        `layers` are. ``voxport.load_features`` needs no CTC head.
        """
        extractor = FeatureExtractor(self.manifest, self.artifact, self._backend)
        return extractor.features(waveform, sample_rate, layers=layers)

    def _heard(
        self, x: AudioInput, name: str, sample_rate: int | None
    ) -> tuple[NDArray[np.float32], float]:
        """A recording's emission and seconds."""
        with self._open(x, name, sample_rate) as recording:
            if recording in self._long:
                emission = np.concatenate(list(self._long.emission(recording)))
            else:
                emission = self._engine.emissions([_clip(recording)])[0]
            return emission, recording.seconds

    def _open(self, x: AudioInput, name: str, sample_rate: int | None) -> Recording:
        return open_recording(x, name, sample_rate, self._model.sample_rate)

    def _groups(
        self, inputs: Iterable[AudioInput], sample_rate: int | None
    ) -> Iterator[list[Clip | Outcome] | Recording]:
        """The inputs a few batches at a time, each as a clip, or an outcome where it has failed.

        A long recording is a group of its own; it is not read on before its turn comes.
        """
        group: list[Clip | Outcome] = []
        samples = 0
        for index, x in enumerate(inputs):
            item = self._read(x, name_of(x, f"inputs[{index}]"), sample_rate)
            if isinstance(item, Recording):
                yield group
                yield item
                group, samples = [], 0
                continue
            group.append(item)
            samples += len(item.waveform) if isinstance(item, Clip) else 0
            if samples >= _BATCHES_AHEAD * self._limit:
                yield group
                group, samples = [], 0
        yield group

    def _read(
        self, x: AudioInput, name: str, sample_rate: int | None
    ) -> Clip | Recording | Outcome:
        """A clip; an open recording where it is long; an outcome where it cannot be read."""
        try:
            with ExitStack() as opened:
                recording = opened.enter_context(self._open(x, name, sample_rate))
                if recording in self._long:
                    opened.pop_all()
                    return recording
                return _clip(recording)
        except VoxportError as error:
            return Outcome(name, error=error.about(name))

    def _outcomes(self, group: list[Clip | Outcome]) -> Iterator[Outcome]:
        done = {i: item for i, item in enumerate(group) if isinstance(item, Outcome)}
        clips = {i: item for i, item in enumerate(group) if isinstance(item, Clip)}
        places = list(clips)
        lengths = [self._engine.padded(len(clip.waveform)) for clip in clips.values()]
        batch_of = {places[i]: batch for batch in batches(lengths, self._limit) for i in batch}
        for index in range(len(group)):
            if index not in done:
                batch = [places[i] for i in batch_of[index]]
                outcomes = self._try([clips[place] for place in batch])
                done.update(zip(batch, outcomes, strict=True))
            yield done.pop(index)

    def _try(self, clips: list[Clip]) -> list[Outcome]:
        """A batch; if it fails, each of its clips alone, so that one cannot take others along."""
        try:
            answers = self._transcribe(clips)
        except InferenceError as error:
            if len(clips) > 1:
                return [outcome for clip in clips for outcome in self._try([clip])]
            return [Outcome(clips[0].name, error=error.about(clips[0].name))]
        return [Outcome(clip.name, answer) for clip, answer in zip(clips, answers, strict=True)]

    def _try_long(self, recording: Recording, progress: Progress | None) -> Outcome:
        try:
            return Outcome(recording.name, self._transcribe_long(recording, progress))
        except VoxportError as error:
            return Outcome(recording.name, error=error.about(recording.name))

    def _transcribe(self, clips: list[Clip]) -> list[Transcript]:
        if self._decode is not None:
            paths = map(self._decode, self._engine.emissions(clips))
            pairs = zip(paths, clips, strict=True)
            return [transcript(path, clip.seconds, self._model) for path, clip in pairs]
        output = self._engine.run(clips, DECODED)
        return transcripts(output, [clip.seconds for clip in clips], self._model)

    def _transcribe_long(
        self, recording: Recording, progress: Progress | None = None
    ) -> Transcript:
        parts = self._long.emission(recording, progress)
        if self._decode is not None:
            path = self._decode(np.concatenate(list(parts)))
        else:
            path = greedy.decode_parts(parts, self._model.blank)
        return transcript(path, recording.seconds, self._model)


def _clip(recording: Recording) -> Clip:
    """All of a recording."""
    return Clip(recording.name, recording.read(sys.maxsize), recording.seconds)
