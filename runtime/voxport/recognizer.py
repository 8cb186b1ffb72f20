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

from voxport import memory
from voxport.batches import batches
from voxport.errors import InferenceError, VoxportError
from voxport.graph import DECODED, EMISSION, Backend, GraphOutput
from voxport.inputs import AudioInput, Clip, name_of, read_clip
from voxport.manifest import ONNX, Artifact, Manifest
from voxport.transcript import Transcript, transcripts

# A minute of padded audio: 3 000 frames, so that attention in a base model needs at most
# 12 heads * 3 000**2 * 4 bytes = 432 MB for one row of a minute, and 36 MB for twelve of 5 s.
BATCH_SECONDS = 60.0

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
        # What `memory` knows is onnxruntime's use of the machine's memory; torch's attention is
        # fused, and a device's memory is not known here.
        self._shares_memory = artifact.kind == ONNX and self.provider.lower().startswith("cpu")
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
        output = self._run([clip], EMISSION)
        if output.emission is None or output.emission_lengths is None:
            raise InferenceError(f"{self.artifact.path}: gave no emission")
        return output.emission[0, : int(output.emission_lengths[0])]

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
        output = self._run(clips, DECODED)
        return transcripts(output, [clip.seconds for clip in clips], self._model)

    def _run(self, clips: list[Clip], outputs: Sequence[str]) -> GraphOutput:
        lengths = np.array([len(clip.waveform) for clip in clips], np.int64)  # (B,)
        samples = max(int(lengths.max()), self._model.receptive_field)  # one frame at the least
        if self._shares_memory and (shortage := memory.shortage(len(clips), samples, self._model)):
            raise InferenceError(shortage, clips[0].name)
        waveform = np.zeros((len(clips), samples), np.float32)  # (B, S)
        for row, clip in enumerate(clips):
            waveform[row, : lengths[row]] = clip.waveform
        return self._backend.run(waveform, lengths, outputs)
