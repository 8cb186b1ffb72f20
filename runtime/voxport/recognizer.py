"""``Recognizer``: audio in, transcripts out.

Reads inputs, batches them, runs the artifact and puts the answers back in the order given. Knows no
backend by name and no file format; keeps nothing between calls, so threads may share one.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from voxport.batches import BATCH_SECONDS, batches
from voxport.engine import Engine
from voxport.errors import InferenceError, VoxportError
from voxport.features import FeatureExtractor
from voxport.graph import DECODED, EMISSION, Backend
from voxport.inputs import AudioInput, Clip, name_of, read_clip
from voxport.manifest import Artifact, Manifest
from voxport.transcript import Transcript, transcripts

# Inputs are read ahead, sorted and batched this many batches at a time: enough to find clips of
# like length, and little enough that hours of files are not in memory and the first answer is soon.
_BATCHES_AHEAD = 4


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
    ) -> None:
        self.manifest = manifest
        self.artifact = artifact
        self.provider = backend.provider  # what the backend really runs on
        self._backend = backend
        self._engine = Engine(manifest.model, artifact, backend)
        self._model = manifest.model
        self._limit = max(1, int(min(batch_seconds * manifest.model.sample_rate, sys.maxsize)))

    def __repr__(self) -> str:
        return f"<Recognizer {self._model.name} {self.artifact.path} on {self.provider}>"

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
        return self._transcribe([self._read(x, name_of(x, "the input"), sample_rate)])[0]

    def transcribe_each(
        self, inputs: Iterable[AudioInput], sample_rate: int | None = None
    ) -> Iterator[Outcome]:
        """One outcome an input, in the order given, each as soon as it and those before are done.

        An input that fails is an outcome with an error and stops no other.
        """
        for window in self._windows(inputs, sample_rate):
            yield from self._outcomes(window)

    def emission(self, waveform: AudioInput, sample_rate: int | None = None) -> NDArray[np.float32]:
        """The model's emission for one recording: float32 [frames, labels]."""
        clip = self._read(waveform, name_of(waveform, "the input"), sample_rate)
        output = self._engine.run([clip], EMISSION)
        if output.emission is None or output.emission_lengths is None:
            raise InferenceError(f"{self.artifact.path}: gave no emission")
        return output.emission[0, : int(output.emission_lengths[0])]

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

    def _read(self, x: AudioInput, name: str, sample_rate: int | None) -> Clip:
        return read_clip(x, name, sample_rate, self._model.sample_rate)

    def _windows(
        self, inputs: Iterable[AudioInput], sample_rate: int | None
    ) -> Iterator[list[Clip | Outcome]]:
        """The inputs as clips, those that cannot be read as outcomes, a few batches at a time."""
        window: list[Clip | Outcome] = []
        samples = 0
        for index, x in enumerate(inputs):
            name = name_of(x, f"inputs[{index}]")
            try:
                clip = self._read(x, name, sample_rate)
            except VoxportError as error:
                window.append(Outcome(name, error=error.about(name)))
                continue
            window.append(clip)
            samples += len(clip.waveform)
            if samples >= _BATCHES_AHEAD * self._limit:
                yield window
                window, samples = [], 0
        yield window

    def _outcomes(self, window: list[Clip | Outcome]) -> Iterator[Outcome]:
        done = {i: item for i, item in enumerate(window) if isinstance(item, Outcome)}
        clips = {i: item for i, item in enumerate(window) if isinstance(item, Clip)}
        places = list(clips)
        lengths = [len(clip.waveform) for clip in clips.values()]
        batch_of = {places[i]: batch for batch in batches(lengths, self._limit) for i in batch}
        for index in range(len(window)):
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

    def _transcribe(self, clips: list[Clip]) -> list[Transcript]:
        output = self._engine.run(clips, DECODED)
        return transcripts(output, [clip.seconds for clip in clips], self._model)
