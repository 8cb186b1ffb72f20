"""``Recognizer``: audio in; transcripts, emissions, alignments or features out.

Conducts the five modules between a recording and its text: ``audio/audio_stream`` decodes it,
``audio/recording`` brings it to the model's rate, ``inference/batch_runner`` pads it into a batch,
a backend (``backends/onnx``) runs the graph, ``transcript/transcript`` builds the answer. Names
each recording in its errors. Knows no backend by name and no file format; keeps nothing between
calls, so threads may share one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from voxport.alignment import text_aligner
from voxport.alignment.romanized_aligner import (
    Granularity,
    Romanization,
    align_romanized,
    require_granularity,
)
from voxport.alignment.text_aligner import AlignedTranscript
from voxport.audio.recording import (
    AudioInput,
    Clip,
    Recording,
    open_recording,
    require_sequence,
)
from voxport.backends.contract import DECODED, Backend
from voxport.decoding import greedy
from voxport.decoding.beam_search import BeamSearch
from voxport.decoding.package_language_model import PackageLanguageModel
from voxport.errors import InputError, VoxportError
from voxport.feature_extractor import FeatureExtractor
from voxport.inference.batch_runner import BatchRunner
from voxport.inference.batches import BATCH_SECONDS
from voxport.inference.long_recordings import (
    WHOLE_SECONDS,
    WINDOW_SECONDS,
    LongRecordings,
    WindowProgress,
    samples_in,
)
from voxport.inference.recording_queue import RecordingQueue, Result, name_each, named
from voxport.inference.windows import Window
from voxport.package.manifest import Artifact, Manifest
from voxport.package.word_pieces import drop_first_space
from voxport.transcript.growing_text import WholeWords
from voxport.transcript.transcript import (
    TokenPath,
    Transcript,
    build_transcript,
    build_transcripts,
)

# Called while a long recording is under way, with its name, the seconds done and, where known, of
# how many.
Progress: TypeAlias = Callable[[str, float, float | None], None]

# Called while a long recording is under way, with its name and the text that has become final since
# the last call; the texts joined are the beginning of the transcript's.
GrowingTextListener: TypeAlias = Callable[[str, str], None]

_Emission: TypeAlias = NDArray[np.float32]  # (frames, labels)
_Answer = TypeVar("_Answer")

_PAIRS = "expected a recording and its text, or as many texts as recordings"


@dataclass(frozen=True)
class Outcome:
    """Transcript or error of one recording of many, never both."""

    name: str  # the file, or "audio[3]"
    transcript: Transcript | None = None
    error: VoxportError | None = None  # its `reason` is the message without the name

    def result(self) -> Transcript:
        """Return the transcript, or raise the error."""
        return Result(self.name, self.transcript, self.error).get()


class Recognizer:
    """Loaded artifact for transcription, made by ``voxport.load``. Threads may share it.

    A recording, the ``audio`` of every method, is one of

    - a path (``str`` or ``os.PathLike``) of an audio file,
    - an array [samples] or [samples, channels]: float of -1 to 1, int8, uint8, int16 or int32,
    - the bytes of an audio file, or a binary file object with them.

    A list or tuple of recordings is answered with a list, batched, in the order given.
    ``sample_rate`` is the rate of arrays in Hz, the model's own by default; files bring theirs.
    Channels are averaged. A recording shorter than the receptive field has no frames and an empty
    transcript; one longer than ``whole_seconds`` (see ``voxport.load``) runs in windows.

    Errors name the recording: its path, or ``audio[3]`` for the fourth of a list. All are
    ``VoxportError``: ``AudioError`` for unreadable audio (a ``ValueError``; of files an ``OSError``
    too), ``InputError`` for other arguments, ``InferenceError`` for failures to run.

    Attributes:
        manifest: the package's manifest.
        artifact: the manifest's entry of the running file.
        provider: the execution provider in use.
    """

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
        language_model: PackageLanguageModel | None = None,
    ) -> None:
        self.manifest = manifest
        self.artifact = artifact
        self.provider = backend.provider
        self._backend = backend
        self._batch_seconds = batch_seconds
        self._runner = BatchRunner(manifest.model, artifact, backend)
        self._model = manifest.model
        # None: as the graph does
        self._decode = decoder and decoder.build_decoder(manifest.model, language_model)
        words = f" {language_model.identity}" if language_model else ""
        self._result_settings = f"{self.identity} {whole_seconds:g} {decoder}{words}"
        self._long = LongRecordings(
            self._runner, self._model, batch_seconds, whole_seconds, window_seconds
        )

    def __repr__(self) -> str:
        return f"<Recognizer {self._model.name} {self.artifact.path} on {self.provider}>"

    @property
    def identity(self) -> str:
        """Hashes of the artifact and of weights beside it: the model's identity."""
        files = [self.artifact, *self.artifact.external_data]
        return " ".join(entry.sha256 for entry in files)

    @property
    def result_settings(self) -> str:
        """All that a transcript depends on beside its recording: model, window lengths, decoder."""
        return self._result_settings

    @overload
    def transcribe(
        self, audio: list[AudioInput] | tuple[AudioInput, ...], sample_rate: int | None = None
    ) -> list[Transcript]: ...

    @overload
    def transcribe(self, audio: AudioInput, sample_rate: int | None = None) -> Transcript: ...

    def transcribe(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
    ) -> Transcript | list[Transcript]:
        """Transcribe a recording, or each of a list of them.

        Args:
            audio: a recording (path, array, bytes, binary file), or a list of recordings.
            sample_rate: Hz, of arrays; the model's own by default. Files bring theirs.

        Returns:
            The transcript, or a list of them in the order given.

        Raises:
            AudioError: a recording cannot be read as audio.
            InputError: an argument makes no sense.
            InferenceError: the artifact cannot run it, for want of memory for one. The first
                recording that fails raises; ``transcribe_each`` goes on.

        Examples:
            >>> import voxport
            >>> recognizer = voxport.load("commands")
            >>> transcript = recognizer.transcribe("models/commands/samples/one-two-three.flac")
            >>> transcript.text
            'ONE TWO THREE'
            >>> transcript.words[0].text, round(transcript.words[0].start, 1)
            ('ONE', 0.6)
        """
        found = self._answer(audio, sample_rate, self._transcribe_batch, self._transcribe_long)
        return found if isinstance(audio, (list, tuple)) else found[0]

    def transcribe_each(
        self,
        audio: Iterable[AudioInput],
        sample_rate: int | None = None,
        progress: Progress | None = None,
        on_text: GrowingTextListener | None = None,
    ) -> Iterator[Outcome]:
        """Transcribe many recordings, each answered as soon as it and its predecessors are done.

        A failing recording is an outcome with an error and stops no other. Of an iterator, only
        some batches are read ahead, to keep hours of audio out of memory.

        Args:
            audio: an iterable of recordings (path, array, bytes, binary file).
            sample_rate: Hz, of arrays; the model's own by default. Files bring theirs.
            progress: called while a long recording is under way, with its name, the seconds done
                and, where known, of how many.
            on_text: called while a long recording is under way, with its name and the words that
                have become final since the last call, spaces included. With a beam search no word
                is final before the end, and it is not called.

        Yields:
            One outcome a recording, in the order given.

        Raises:
            InputError: ``audio`` is one recording and no iterable of them.

        Examples:
            >>> import voxport
            >>> recognizer = voxport.load("commands")
            >>> files = ["models/commands/samples/yes.flac", "missing.flac"]
            >>> for outcome in recognizer.transcribe_each(files):
            ...     print(outcome.error or outcome.transcript.text)
            YES
            missing.flac: there is no such file
        """
        recordings = require_sequence(audio)

        def run_long(name: str, recording: Recording) -> Transcript:
            return self._transcribe_long(
                recording,
                partial(progress, name) if progress else None,
                partial(on_text, name) if on_text else None,
            )

        queue = self._queue(sample_rate, self._transcribe_batch, run_long)
        results = queue.results(name_each(recordings))
        return (Outcome(result.name, result.answer, result.error) for result in results)

    @overload
    def emission(
        self, audio: list[AudioInput] | tuple[AudioInput, ...], sample_rate: int | None = None
    ) -> list[NDArray[np.float32]]: ...

    @overload
    def emission(
        self, audio: AudioInput, sample_rate: int | None = None
    ) -> NDArray[np.float32]: ...

    def emission(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
    ) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Compute the emission of a recording, or of each of a list of them.

        Args:
            audio: a recording (path, array, bytes, binary file), or a list of recordings.
            sample_rate: Hz, of arrays; the model's own by default. Files bring theirs.

        Returns:
            float32 [frames, labels], or a list of such arrays: logits, or log-probabilities where
            the manifest's ``model.emission`` is "log_probs". A frame is
            ``manifest.model.frame_stride`` samples of the model's rate.

        Raises:
            AudioError, InputError, InferenceError: as ``transcribe``.

        Examples:
            >>> import voxport
            >>> recognizer = voxport.load("commands")
            >>> emission = recognizer.emission("models/commands/samples/yes.flac")
            >>> emission.shape[1] == len(recognizer.manifest.model.labels)
            True
        """
        found = self._answer(audio, sample_rate, self._emit_batch, self._emit_long)
        emissions = [emission for emission, _ in found]
        return emissions if isinstance(audio, (list, tuple)) else emissions[0]

    @overload
    def align(
        self,
        audio: list[AudioInput] | tuple[AudioInput, ...],
        text: Sequence[str],
        sample_rate: int | None = None,
        *,
        granularity: Granularity = "word",
        romanization: Romanization | None = None,
    ) -> list[AlignedTranscript]: ...

    @overload
    def align(
        self,
        audio: AudioInput,
        text: str,
        sample_rate: int | None = None,
        *,
        granularity: Granularity = "word",
        romanization: Romanization | None = None,
    ) -> AlignedTranscript: ...

    def align(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        text: str | Sequence[str],
        sample_rate: int | None = None,
        *,
        granularity: Granularity = "word",
        romanization: Romanization | None = None,
    ) -> AlignedTranscript | list[AlignedTranscript]:
        """Find the times of a known text's words in a recording, or in each of a list of them.

        Args:
            audio: a recording (path, array, bytes, binary file), or a list of recordings.
            text: its text, or as many texts as recordings. ``*`` as a word stands for anything
                that the text leaves out.
            sample_rate: Hz, of arrays; the model's own by default. Files bring theirs.
            granularity: "word", or "sentence" for the times of whole sentences.
            romanization: align by Latin letters, for texts in any script with an MMS aligner:
                ``voxport.alignment.Romanization(language="hin")``. Needs ``voxport[romanize]``.

        Returns:
            The aligned transcript, or a list of them in the order given. Characters that the labels
            cannot spell are in its ``unspelled``.

        Raises:
            AlignmentError: a text is empty, cannot be spelled, or is too long for its recording.
            AudioError, InputError, InferenceError: as ``transcribe``.

        Examples:
            >>> import voxport
            >>> recognizer = voxport.load("commands")
            >>> aligned = recognizer.align("models/commands/samples/left-right.flac", "Left right")
            >>> [(word.text, round(word.start, 1)) for word in aligned.words]
            [('Left', 0.5), ('right', 0.9)]
        """
        require_granularity(granularity)
        is_list = isinstance(audio, (list, tuple))
        texts = text_aligner.require_texts(text)
        if isinstance(text, str) == is_list or (is_list and len(audio) != len(texts)):
            raise InputError(_PAIRS)
        names = [name for name, _ in named(audio)]
        found = self._answer(audio, sample_rate, self._emit_batch, self._emit_long)
        emissions, seconds = [item[0] for item in found], [item[1] for item in found]
        if romanization is None:
            aligned = text_aligner.align(emissions, texts, seconds, self._model, names)
            if granularity == "sentence":
                aligned = [text_aligner.join_sentences(one) for one in aligned]
        else:
            settings = replace(romanization, granularity=granularity)
            aligned = align_romanized(emissions, texts, seconds, self._model, settings, names)
        return aligned if is_list else aligned[0]

    @overload
    def features(
        self,
        audio: list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> list[NDArray[np.float32]]: ...

    @overload
    def features(
        self,
        audio: AudioInput,
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> NDArray[np.float32]: ...

    def features(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Compute transformer layers' outputs of a recording, or of each of a list of them.

        For packages exported with ``--features``; the same as ``FeatureExtractor.features``, with
        arguments and errors described there. ``voxport.load_features`` needs no CTC head.

        Returns:
            float32 [layers, frames, width], or a list of such arrays.

        Raises:
            ArtifactUnavailableError: the package was exported without features.
        """
        extractor = FeatureExtractor(
            self.manifest, self.artifact, self._backend, batch_seconds=self._batch_seconds
        )
        return extractor.features(audio, sample_rate, layers=layers)

    def _answer(
        self,
        audio: Any,
        sample_rate: int | None,
        run_batch: Callable[[list[Clip]], list[_Answer]],
        run_long: Callable[[Recording], _Answer],
    ) -> list[_Answer]:
        """Return the answers to a recording or a list of them, or raise the first error."""
        queue = self._queue(sample_rate, run_batch, lambda _, recording: run_long(recording))
        return [result.get() for result in queue.results(named(audio))]

    def _queue(
        self,
        sample_rate: int | None,
        run_batch: Callable[[list[Clip]], list[_Answer]],
        run_long: Callable[[str, Recording], _Answer],
    ) -> RecordingQueue[_Answer]:
        return RecordingQueue(
            partial(self._read, sample_rate),
            run_batch,
            self._runner.padded_length,
            max(1, samples_in(self._batch_seconds, self._model)),
            run_long,
            self._runner.spread,
        )

    def _read(self, sample_rate: int | None, audio: AudioInput) -> Clip | Recording:
        """Read a recording, or leave it open where it is long."""
        with ExitStack() as opened:
            recording = opened.enter_context(
                open_recording(audio, self._model.sample_rate, sample_rate)
            )
            read = self.read(recording)
            if read is recording:
                opened.pop_all()
            return read

    def _emit_batch(self, clips: list[Clip]) -> list[tuple[_Emission, float]]:
        """Return each clip's emission and its seconds."""
        emissions = self._runner.emissions(clips)
        return [(item, clip.seconds) for item, clip in zip(emissions, clips, strict=True)]

    def _emit_long(self, recording: Recording) -> tuple[_Emission, float]:
        emission = np.concatenate(list(self._long.emission(recording)))
        return emission, recording.seconds

    def _transcribe_batch(self, clips: list[Clip]) -> list[Transcript]:
        if self._decode is None:
            output = self._runner.run(clips, DECODED)
            return build_transcripts(output, [clip.seconds for clip in clips], self._model)
        found = self._emit_batch(clips)
        return [
            build_transcript(self._decode(emission), seconds, self._model)
            for emission, seconds in found
        ]

    def _transcribe_long(
        self,
        recording: Recording,
        progress: WindowProgress | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Transcript:
        heard = WholeWords(on_text) if on_text else None
        return self.join_transcript(self._long.emission(recording, progress), recording, heard)

    # Steps of ``transcribe``, for a caller that batches the clips of many recordings: the answers
    # are the same, since a clip's answer does not depend on its batch.

    def read(self, recording: Recording) -> Clip | Recording:
        """Read a recording to run at once and close it; one to run in windows stays open."""
        if recording in self._long:
            return recording
        with recording:
            return recording.read_all()

    def padded_length(self, samples: int) -> int:
        """Return the least length of a row of ``samples`` in a batch."""
        return self._runner.padded_length(samples)

    def transcribe_clips(self, clips: list[Clip]) -> list[Transcript]:
        """Transcribe clips in one batch."""
        return self._transcribe_batch(clips)

    def emit_clips(self, clips: list[Clip]) -> list[_Emission]:
        """Compute the emissions of clips, or of windows, in one batch."""
        return self._runner.emissions(clips)

    def windows(self, recording: Recording) -> Iterator[Window]:
        """Yield the windows of a long recording."""
        return self._long.windows(recording)

    def join_emission(self, answers: Iterable[tuple[Window, _Emission]]) -> Iterator[_Emission]:
        """Yield the parts of a long recording's emission from those of its windows."""
        return self._long.stitch(answers)

    def join_transcript(
        self,
        parts: Iterable[_Emission],
        recording: Recording,
        heard: Callable[[str], None] | None = None,
    ) -> Transcript:
        """Decode the parts of a long recording's emission, which the recording is read for.

        ``heard`` is called with the text that each part adds, where the decoder works in parts;
        joined, it is the transcript's.
        """
        if self._decode is not None:
            path = self._decode(np.concatenate(list(parts)))
            return build_transcript(path, recording.seconds, self._model)
        decoder, said = greedy.PartDecoder(self._model.blank), 0
        for part in parts:
            decoder.push(part)
            if heard is not None:
                texts = self._texts(decoder.path)[said:-1]  # the last may go on in the next part
                said += len(texts)
                if any(texts):
                    heard("".join(texts))
        if heard is not None and any(texts := self._texts(decoder.path)[said:]):
            heard("".join(texts))
        return build_transcript(decoder.path, recording.seconds, self._model)

    def _texts(self, path: TokenPath) -> list[str]:
        texts = [self._model.pieces[token] for token in path.tokens]
        return list(drop_first_space(texts)) if self._model.has_word_pieces else texts
