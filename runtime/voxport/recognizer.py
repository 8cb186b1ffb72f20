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

from voxport import aligner
from voxport.aligner import AlignedTranscript
from voxport.batches import BATCH_SECONDS, batches
from voxport.decoding import BeamSearch
from voxport.engine import Engine
from voxport.errors import InferenceError, InputError, VoxportError
from voxport.features import FeatureExtractor
from voxport.graph import DECODED, EMISSION, Backend
from voxport.inputs import AudioInput, Clip, name_of, read_clip
from voxport.manifest import Artifact, Manifest
from voxport.transcript import Transcript, transcript, transcripts

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
        decoder: BeamSearch | None = None,
    ) -> None:
        self.manifest = manifest
        self.artifact = artifact
        self.provider = backend.provider  # what the backend really runs on
        self._backend = backend
        self._engine = Engine(manifest.model, artifact, backend)
        self._model = manifest.model
        self._decode = decoder.of(manifest.model) if decoder else None  # None: as the graph does
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
        return self._heard(waveform, sample_rate)[0]

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
        recordings = list(x) if isinstance(x, (list, tuple)) else [x]
        texts = [text] if isinstance(text, str) else list(text)
        if len(recordings) != len(texts) or isinstance(x, (list, tuple)) == isinstance(text, str):
            raise InputError("expected a recording and its text, or as many texts as recordings")
        heard = [self._heard(item, sample_rate) for item in recordings]
        emissions, seconds = [item[0] for item in heard], [item[1] for item in heard]
        found = aligner.align(emissions, texts, seconds, self._model)
        return found[0] if isinstance(text, str) else found

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

    def _heard(self, x: AudioInput, sample_rate: int | None) -> tuple[NDArray[np.float32], float]:
        """A recording's emission and seconds."""
        clip = self._read(x, name_of(x, "the input"), sample_rate)
        return self._emissions([clip])[0], clip.seconds

    def _emissions(self, clips: list[Clip]) -> list[NDArray[np.float32]]:
        output = self._engine.run(clips, EMISSION)
        if output.emission is None or output.emission_lengths is None:
            raise InferenceError(f"{self.artifact.path}: gave no emission")
        lengths = output.emission_lengths.tolist()
        return [row[:length] for row, length in zip(output.emission, lengths, strict=True)]

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
        if self._decode is not None:
            paths = map(self._decode, self._emissions(clips))
            pairs = zip(paths, clips, strict=True)
            return [transcript(path, clip.seconds, self._model) for path, clip in pairs]
        output = self._engine.run(clips, DECODED)
        return transcripts(output, [clip.seconds for clip in clips], self._model)
