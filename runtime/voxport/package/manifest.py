"""The manifest of a package as dataclasses: model, artifacts, measurements, golden recordings.

The exporter builds them and writes ``Manifest.to_json()``; ``read_manifest`` parses the text.
``manifest.schema.json`` in ``voxport`` publishes the same format for other languages. Knows the
format and its own hash; opens no file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from voxport.package.word_pieces import has_word_pieces

ArtifactKind: TypeAlias = Literal["onnx", "torchscript", "exported-program"]
Precision: TypeAlias = Literal["fp32", "int8", "fp16"]

FORMAT = "voxport"
# Raised only when an older reader would misunderstand a package: 2 may have no CTC head, 3 has
# another task than transcription.
VERSION = 3
FILE_NAME = "manifest.json"
SIGNATURE_NAME = "model.sig"  # beside it, as OpenSSF model signing calls it
KINDS = (ONNX, TORCHSCRIPT, EXPORTED_PROGRAM) = ("onnx", "torchscript", "exported-program")
PROGRAMS = (TORCHSCRIPT, EXPORTED_PROGRAM)  # run by torch; they can do whatever a program can
FP32 = "fp32"  # the precision that the others are measured against
FP16 = "fp16"
FEATURES = "features_"  # and its number, from 1: the output of a transformer layer
EMISSIONS = ("logits", "log_probs", "none")
# Tasks of a model: text; labels of a recording; an embedding of its speaker; labels of each frame.
TASKS = (TRANSCRIPTION, CLASSIFICATION, EMBEDDING, FRAMES) = (
    "transcription",
    "classification",
    "embedding",
    "frame-classification",
)
# From logits to scores: labels that exclude each other, labels that do not, none
ACTIVATIONS = (SOFTMAX, SIGMOID, NO_ACTIVATION) = ("softmax", "sigmoid", "none")

UNSIGNED = "0" * 64  # placeholder for the manifest's own hash while that is computed

# Other processors and later runtimes round differently, and one measurement is a sample of that.
_DIFFERENCE_SLACK = 2.0


def write_document(content: Mapping[str, Any]) -> str:
    """Return the text of ``manifest.json`` for its fields, with its own hash.

    Args:
        content: the fields in their order; "sha256" is there, with any value.
    """
    unsigned = {**content, "sha256": UNSIGNED}
    text = json.dumps(unsigned, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.replace(UNSIGNED, hashlib.sha256(text.encode()).hexdigest(), 1)


@dataclass(frozen=True)
class FileEntry:
    """A file of the package."""

    path: str  # a plain file name inside the package's folder
    bytes: int
    sha256: str


@dataclass(frozen=True)
class TensorSpec:
    """An input or an output of a graph."""

    name: str
    type: str  # "float32", "int64", "string"
    shape: tuple[int | str, ...]  # a string names a size that varies


@dataclass(frozen=True)
class Artifact(FileEntry):
    """A file that runs the model."""

    kind: str  # one of KINDS
    precision: str  # "fp32", "int8", "fp16"
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    external_data: tuple[FileEntry, ...] = ()  # weights beside the graph, where it is over 2 GB
    optional_inputs: tuple[TensorSpec, ...] = ()  # `sample_rate`: model.sample_rate if not given
    attention_in_blocks: bool = False  # memory grows with the length, not with its square

    @property
    def features(self) -> tuple[TensorSpec, ...]:
        """Outputs of the transformer layers; empty unless it was exported with them."""
        return tuple(output for output in self.outputs if output.name.startswith(FEATURES))

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The artifact's own file and the weights beside it."""
        return (self, *self.external_data)


@dataclass(frozen=True)
class Measurement:
    """Comparison of an artifact, reloaded from disk, with a reference on some recordings."""

    artifact: str  # path of the artifact
    reference: str  # the model compared with: "eager torchaudio 2.11.0"
    against: str  # the engine of the artifact: "onnxruntime 1.31.1"
    provider: str  # "CPUExecutionProvider"; for torch the device
    clips: int
    seconds: float  # of audio in those clips


@dataclass(frozen=True)
class Parity(Measurement):
    """Difference of an artifact's emissions and transcripts from its source model's."""

    max_emission_difference: float
    emission_tolerance: float
    equal_transcripts: float  # the share of clips, 0 to 1
    cer: float  # character error rate between the two


@dataclass(frozen=True)
class FeatureParity(Measurement):
    """Difference of an artifact's features from its source model's."""

    max_difference: float  # of any layer
    tolerance: float  # for that layer


@dataclass(frozen=True)
class QualityGate(Measurement):
    """Loss and gain of a low-precision artifact against fp32, and the limits of its export.

    Such an artifact does not answer as the model does, within rounding, so there is no parity to
    record. Export measures its loss on real speech and its speed, and refuses to write one not
    worth it.
    """

    max_emission_difference: float
    equal_transcripts: float  # the share of clips, 0 to 1
    cer: float  # character error rate against fp32's transcripts
    cer_limit: float  # the highest that was allowed
    speed: float | None  # times as fast as fp32 on that provider, one recording; None: not measured
    forced: bool  # written although it loses more than the limit, or is not faster

    @property
    def difference_limit(self) -> float:
        """The largest difference allowed in emissions of the same recordings."""
        return _DIFFERENCE_SLACK * self.max_emission_difference

    def edits_limit(self, characters: int) -> float:
        """Return the edits allowed in a text of ``characters``.

        One is always allowed: a rate over few characters is coarse.
        """
        return 1 + max(self.cer, self.cer_limit) * characters


@dataclass(frozen=True)
class BlankGate:
    """Share of the blank among the greedy labels of all frames of the golden clips.

    A trained CTC model gives its blank most often, so another label in its place means another
    blank, or weights that were never trained: both are refused without ``force``.
    """

    frames: int
    share: float  # of frames whose best label is the blank, 0 to 1
    rival: int  # the most frequent other label, an index
    rival_share: float
    forced: bool  # written although the rival is more frequent


@dataclass(frozen=True)
class GoldenClip(FileEntry):
    """A recording in the package and the eager model's answer to it.

    The file is a 16-bit mono wav at the model's rate: sample / 32768 is the model's input.
    """

    seconds: float
    transcript: str
    tokens: tuple[int, ...]
    token_starts: tuple[int, ...]  # frames
    token_ends: tuple[int, ...]  # frames, exclusive
    frames: int
    emission: FileEntry  # numpy file, float32 [frames, labels]


@dataclass(frozen=True)
class GoldenFeatures(FileEntry):
    """A recording in the package, as a golden clip's, and the output of every layer for it."""

    seconds: float
    frames: int
    values: FileEntry  # numpy file, float32 [layers, frames, width]


@dataclass(frozen=True)
class FeatureInfo:
    """Number, width, golden values and parity of the transformer layers' outputs.

    Kept apart from the fields for transcripts: a package may have either, or both.
    """

    layers: int
    width: int  # channels of each layer
    golden: GoldenFeatures
    parity: tuple[FeatureParity, ...] = ()  # at most one an artifact


@dataclass(frozen=True)
class HeadParity(Measurement):
    """Difference of an artifact's answers from its source model's, for a task other than text."""

    max_difference: float  # of logits or of embeddings
    tolerance: float  # for that recording
    equal_labels: float  # the share of recordings, 0 to 1; 1 where the task names none


@dataclass(frozen=True)
class GoldenAnswer(FileEntry):
    """A recording, as a golden clip's, and the eager model's answer of a task other than text."""

    seconds: float
    label: str | None  # of the recording; None: the task gives none
    values: FileEntry  # numpy file, float32: logits [labels], [frames, labels] or embedding [width]
    frames: int = 0  # of labels in time; 0: the answer is of the recording as a whole


@dataclass(frozen=True)
class HeadInfo:
    """Facts, golden answers and parity of a model whose task is not transcription."""

    activation: str  # one of ACTIVATIONS
    width: int  # labels, or channels of an embedding
    least_samples: int  # a shorter recording has no answer
    golden: tuple[GoldenAnswer, ...] = ()
    parity: tuple[HeadParity, ...] = ()  # at most one an artifact


@dataclass(frozen=True)
class LanguageModelInfo:
    """The n-gram language model of words that a checkpoint brings, and its settings."""

    model: FileEntry  # an ARPA file (.arpa), or KenLM's binary format
    unigrams: FileEntry  # the known words, one a line, UTF-8
    labels: tuple[str, ...]  # text of each of the model's labels in words: "" blank, " " delimiter
    alpha: float  # weight of its scores
    beta: float  # nats for every word
    unknown_score_offset: float  # log10, added for an unknown word
    score_boundary: bool  # the start and the end of a sentence are scored
    licence: str

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The model and its words."""
        return (self.model, self.unigrams)


@dataclass(frozen=True)
class Evaluation:
    """Error rates of an artifact on a test set, measured by ``voxport evaluate``."""

    artifact: str  # path of the artifact
    dataset: str  # name of the test set
    normalizer: str  # of both texts: "plain" or "leaderboard"
    provider: str  # "CPUExecutionProvider"
    measured_by: str  # "voxport 0.1.0"
    clips: int  # scored
    seconds: float  # of audio in those clips
    speakers: int  # that are known; 0: none is
    words: int  # of the references
    wer: float  # word error rate, 0 and more
    wer_interval: tuple[float, float] | None  # 95 %
    cer: float  # character error rate
    cer_interval: tuple[float, float] | None  # 95 %
    rtfx: float | None = None  # seconds of audio in a second of processing, on one machine
    language: str | None = None  # of a package with several
    merged_wer: float | None = None  # where compounds may be written as two words

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """The measurement that a later one of the same key replaces."""
        return self.artifact, self.dataset, self.normalizer, self.language


@dataclass(frozen=True)
class ModelInfo:
    """The model computed by every artifact of the package.

    Without a CTC head it has no labels, its blank is 0 and its emission "none". With another task
    than transcription, its labels are the answers to choose from, and its blank means nothing.
    """

    name: str
    source: str
    licence: str  # of the weights
    labels: tuple[str, ...]
    blank: int  # index into labels
    word_delimiter: str | None  # the label that becomes a space, where there is one
    sample_rate: int  # Hz
    frame_stride: int  # samples
    receptive_field: int  # samples; a shorter waveform has no frames
    normalize_waveform: bool  # the graph normalises (hosts never do)
    emission: str  # one of EMISSIONS
    parameters: int
    unused_weights: tuple[str, ...] = ()  # of the checkpoint, left out on request
    notes: tuple[str, ...] = ()  # decisions that the source's own files leave open
    overrides: Mapping[str, str] = field(default_factory=dict[str, str])  # stated by the caller
    task: str = TRANSCRIPTION  # one of TASKS
    vocabulary: str = ""  # the speech that it understands, in words; "": not limited, or not known

    @property
    def pieces(self) -> tuple[str, ...]:
        """Each label's text in a transcript: itself, or a space for the word delimiter."""
        return tuple(" " if label == self.word_delimiter else label for label in self.labels)

    @property
    def has_word_pieces(self) -> bool:
        """True if labels begin words with a space; the first of a text then has none."""
        return has_word_pieces(self.pieces)

    @property
    def transcribes(self) -> bool:
        """True with a CTC head; without it there are features, or another task's answers."""
        return bool(self.labels) and self.task == TRANSCRIPTION


@dataclass(frozen=True)
class LanguageInfo:
    """A language of a package with several: its labels, and its graphs on the shared weights."""

    language: str  # as the checkpoint calls it: "fra"
    model: ModelInfo
    artifacts: tuple[Artifact, ...]
    parity: tuple[Parity, ...]
    golden: tuple[GoldenClip, ...]
    blank_gate: "BlankGate | None" = None


@dataclass(frozen=True)
class Manifest:
    """All of ``manifest.json``."""

    created_by: Mapping[str, str]  # distribution name to version
    model: ModelInfo
    artifacts: tuple[Artifact, ...]
    parity: tuple[Parity, ...] = ()  # at most one an artifact
    golden: tuple[GoldenClip, ...] = ()
    files: tuple[FileEntry, ...] = ()  # everything else in the folder
    features: FeatureInfo | None = None  # where artifacts give features
    gates: tuple[QualityGate, ...] = ()  # at most one a low-precision artifact, instead of parity
    blank_gate: BlankGate | None = None  # None: without a CTC head, or by an earlier exporter
    head: HeadInfo | None = None  # where the task is not transcription
    language_model: LanguageModelInfo | None = None  # of words, for a beam search
    # All languages of a package with several. The fields above are those of the default language;
    # without a default there are no artifacts above.
    languages: tuple[LanguageInfo, ...] = ()
    default_language: str | None = None
    evaluations: tuple[Evaluation, ...] = ()  # one a key

    def to_json(self) -> str:
        """Return the text of ``manifest.json`` with its own hash; write it as UTF-8, unchanged."""
        version = 1 if self.model.transcribes else 2  # 1 requires a CTC head
        version = version if self.model.task == TRANSCRIPTION else 3
        content: dict[str, Any] = {
            "format": FORMAT,
            "version": version,
            "sha256": UNSIGNED,
            **asdict(self),
        }
        if self.features is None:
            del content["features"]
        if not self.gates:
            del content["gates"]
        if self.blank_gate is None:
            del content["blank_gate"]
        if self.head is None:
            del content["head"]
        if self.language_model is None:
            del content["language_model"]
        if not self.evaluations:
            del content["evaluations"]
        if not self.languages:
            del content["languages"], content["default_language"]
        for one in (content, *content.get("languages", ())):
            for name in ("unused_weights", "notes", "overrides", "vocabulary"):
                if not one["model"][name]:
                    del one["model"][name]
            if one["model"]["task"] == TRANSCRIPTION:
                del one["model"]["task"]
        for one in content.get("languages", ()):
            if one["blank_gate"] is None:
                del one["blank_gate"]
        return write_document(content)

    def parity_of(self, artifact: Artifact) -> Parity | None:
        """Return the parity measured for an artifact, if any."""
        return next((item for item in self.parity if item.artifact == artifact.path), None)

    def gate_of(self, artifact: Artifact) -> QualityGate | None:
        """Return the quality gate of a low-precision artifact; None for an exact one."""
        return next((item for item in self.gates if item.artifact == artifact.path), None)

    def feature_parity_of(self, artifact: Artifact) -> FeatureParity | None:
        """Return the parity measured for an artifact's features, if any."""
        measured = self.features.parity if self.features else ()
        return next((item for item in measured if item.artifact == artifact.path), None)

    def head_parity_of(self, artifact: Artifact) -> HeadParity | None:
        """Return the parity measured for an artifact's answers, if its task is not text."""
        measured = self.head.parity if self.head else ()
        return next((item for item in measured if item.artifact == artifact.path), None)

    def in_language(self, language: LanguageInfo) -> "Manifest":
        """Return the manifest of one language, as a package of this language alone has it."""
        return replace(
            self,
            model=language.model,
            artifacts=language.artifacts,
            parity=language.parity,
            golden=language.golden,
            blank_gate=language.blank_gate,
        )

    def entries(self) -> list[FileEntry]:
        """List every file of the package but the manifest, each once."""
        listed: list[FileEntry] = []
        for one in (self, *self.languages):
            for artifact in one.artifacts:
                listed += artifact.files
            for clip in one.golden:
                listed += [clip, clip.emission]
        if self.features:
            listed += [self.features.golden, self.features.golden.values]
        for answer in self.head.golden if self.head else ():
            listed += [answer, answer.values]
        if self.language_model:
            listed += self.language_model.files
        listed += self.files
        if not self.languages:
            return listed
        plain = (FileEntry(entry.path, entry.bytes, entry.sha256) for entry in listed)
        return list(dict.fromkeys(plain))  # languages share files
