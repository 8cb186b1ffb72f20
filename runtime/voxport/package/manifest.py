"""``manifest.json``: what a package is, how to run it and what was measured on it.

The exporter builds these dataclasses and writes ``Manifest.to_json()``; every host reads them
back with ``read_manifest``. ``manifest.schema.json`` in ``voxport`` publishes the same format
for other languages. Knows the format and its own hash; opens no other file of the package.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from voxport.errors import (
    LaterVersionError,
    ManifestError,
    PackageError,
    PackageNotFoundError,
    accessing,
)
from voxport.package.entries import FileEntry, read_entry
from voxport.package.feature_info import FeatureInfo, FeatureParity, read_features
from voxport.package.gates import Gate, read_gate
from voxport.package.json_fields import Fields
from voxport.package.measurement import Measurement, read_measurement

FORMAT = "voxport"
# Raised only when an older reader would misunderstand a package: 2 may have no CTC head.
VERSION = 2
FILE_NAME = "manifest.json"
KINDS = (ONNX, TORCHSCRIPT) = ("onnx", "torchscript")
FP32 = "fp32"  # the precision that the others are measured against
FP16 = "fp16"
FEATURES = "features_"  # and its number, from 1: the output of a transformer layer
EMISSIONS = ("logits", "log_probs", "none")

_UNSIGNED = "0" * 64  # stands where the manifest's own hash will be while that is computed


@dataclass(frozen=True)
class TensorSpec:
    """An input or an output of a graph."""

    name: str
    type: str  # "float32", "int64", "string"
    shape: tuple[int | str, ...]  # a string names a size that varies


@dataclass(frozen=True)
class Parity(Measurement):
    """A comparison of an artifact, reloaded from disk, with the model that it was made from."""

    max_emission_difference: float
    emission_tolerance: float
    equal_transcripts: float  # the share of clips, 0 to 1
    cer: float  # character error rate between the two


@dataclass(frozen=True)
class Artifact(FileEntry):
    """A file that runs the model."""

    kind: str  # one of KINDS
    precision: str  # "fp32", "int8", "fp16"
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    external_data: tuple[FileEntry, ...] = ()  # weights beside the graph, where it is over 2 GB
    optional_inputs: tuple[TensorSpec, ...] = ()  # `sample_rate`: model.sample_rate if not given
    attention_in_blocks: bool = False  # whether memory grows with the length, not with its square

    @property
    def features(self) -> tuple[TensorSpec, ...]:
        """The outputs of the transformer layers, where it was exported with them."""
        return tuple(output for output in self.outputs if output.name.startswith(FEATURES))


@dataclass(frozen=True)
class GoldenClip(FileEntry):
    """A recording in the package and the answer that eager torchaudio gave for it.

    The file is a 16-bit mono wav at the model's rate: sample / 32768 is what the model gets.
    """

    seconds: float
    transcript: str
    tokens: tuple[int, ...]
    token_starts: tuple[int, ...]  # frames
    token_ends: tuple[int, ...]  # frames, exclusive
    frames: int
    emission: FileEntry  # numpy file, float32 [frames, labels]


@dataclass(frozen=True)
class ModelInfo:
    """The model that every artifact of the package computes.

    Without a CTC head it has no labels, its blank is 0 and its emission "none".
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
    normalize_waveform: bool  # whether the graph normalises (hosts never do)
    emission: str  # one of EMISSIONS
    parameters: int

    @property
    def pieces(self) -> tuple[str, ...]:
        """What each label adds to a transcript: itself, or a space for the word delimiter."""
        return tuple(" " if label == self.word_delimiter else label for label in self.labels)

    @property
    def transcribes(self) -> bool:
        """Whether there is a CTC head; without it there are features only."""
        return bool(self.labels)


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
    gates: tuple[Gate, ...] = ()  # at most one an artifact: those of fewer bits, in place of parity

    def to_json(self) -> str:
        """The text of ``manifest.json``, its own hash included; write it as UTF-8, unchanged."""
        version = 1 if self.model.transcribes else 2  # the first that can tell this
        content = {"format": FORMAT, "version": version, "sha256": _UNSIGNED, **asdict(self)}
        if self.features is None:
            del content["features"]
        if not self.gates:
            del content["gates"]
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return text.replace(_UNSIGNED, hashlib.sha256(text.encode()).hexdigest(), 1)

    def parity_of(self, artifact: Artifact) -> Parity | None:
        """What was measured on an artifact, if it was."""
        return next((item for item in self.parity if item.artifact == artifact.path), None)

    def gate_of(self, artifact: Artifact) -> Gate | None:
        """What an artifact of fewer bits was measured to lose; None for one that is exact."""
        return next((item for item in self.gates if item.artifact == artifact.path), None)

    def feature_parity_of(self, artifact: Artifact) -> FeatureParity | None:
        """What was measured on an artifact's features, if it was."""
        measured = self.features.parity if self.features else ()
        return next((item for item in measured if item.artifact == artifact.path), None)

    def entries(self) -> list[FileEntry]:
        """Every file of the package but the manifest."""
        listed: list[FileEntry] = []
        for artifact in self.artifacts:
            listed += [artifact, *artifact.external_data]
        for clip in self.golden:
            listed += [clip, clip.emission]
        if self.features:
            listed += [self.features.golden, self.features.golden.values]
        return [*listed, *self.files]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the package in `folder`; every way in which it can be wrong is an error."""
    path = Path(folder) / FILE_NAME
    with accessing(path, PackageError):
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise PackageNotFoundError(
                f"not a voxport package: there is no {FILE_NAME} in it; "
                "`voxport export MODEL -o DIR` writes a package",
                folder,
            ) from None
    try:
        return parse_manifest(raw)
    except ManifestError as error:
        raise error.about(path) from None


def parse_manifest(raw: bytes) -> Manifest:
    """The manifest in the bytes of a ``manifest.json``."""
    try:
        document = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not JSON: {error}") from None
    fields = Fields.of(document, "")
    _check_version(fields)
    manifest = _manifest(fields)
    _check_integrity(raw, fields.sha256("sha256"))
    _check_consistency(manifest)
    return manifest


def _check_version(fields: Fields) -> None:
    if fields.data.get("format") != FORMAT:
        raise ManifestError(f"not a voxport manifest: format is {fields.data.get('format')!r}")
    version = fields.integer("version", least=1)
    if version > VERSION:
        raise LaterVersionError(
            f"format version {version} was written by a later voxport, this one reads up to "
            f"{VERSION}; upgrade: pip install -U voxport"
        )


def _check_integrity(raw: bytes, recorded: str) -> None:
    found = hashlib.sha256(raw.replace(recorded.encode(), _UNSIGNED.encode(), 1)).hexdigest()
    if found != recorded:
        raise ManifestError(
            f"changed since it was written: expected sha256 {recorded}, found {found}; "
            "copy the package again or export it again"
        )


def _check_consistency(manifest: Manifest) -> None:
    model = manifest.model
    if model.transcribes == (model.emission == "none"):
        raise ManifestError(f"model.emission is {model.emission!r} of {len(model.labels)} labels")
    if model.transcribes and model.blank >= len(model.labels):
        raise ManifestError(f"model.blank is {model.blank} of {len(model.labels)} labels")
    if model.word_delimiter is not None and model.word_delimiter not in model.labels:
        raise ManifestError(f"model.word_delimiter {model.word_delimiter!r} is not a label")
    _check_outputs(manifest)
    artifacts = [artifact.path for artifact in manifest.artifacts]
    features = manifest.features
    for item in (*manifest.parity, *(features.parity if features else ()), *manifest.gates):
        if item.artifact not in artifacts:
            what = "gates" if isinstance(item, Gate) else "parity"
            raise ManifestError(f"{what} names {item.artifact!r}, which is not an artifact")
    paths = [FILE_NAME, *(entry.path for entry in manifest.entries())]
    for path in {path for path in paths if paths.count(path) > 1}:
        raise ManifestError(f"the file {path!r} is listed twice")


def _check_outputs(manifest: Manifest) -> None:
    """Labels that are fewer than the model's would end in the middle of a transcript."""
    labels = len(manifest.model.labels)
    for artifact in manifest.artifacts:
        for output in artifact.outputs:
            if output.name == "emission" and output.shape[-1:] != (labels,):
                raise ManifestError(
                    f"{artifact.path} gives an emission of {list(output.shape)} for {labels} labels"
                )
        _check_features(artifact, manifest.features)


def _check_features(artifact: Artifact, features: FeatureInfo | None) -> None:
    """Layers that the graph does not have would end in the middle of a run."""
    widths = [output.shape[-1:] for output in artifact.features]
    if widths and (features is None or widths != [(features.width,)] * features.layers):
        told = "none" if features is None else f"{features.layers} of width {features.width}"
        raise ManifestError(
            f"{artifact.path} gives features of {len(widths)} layers, the manifest tells of {told}"
        )


def _manifest(fields: Fields) -> Manifest:
    return Manifest(
        created_by=fields.text_map("created_by"),
        model=_model(fields.child("model")),
        artifacts=tuple(map(_artifact, fields.children("artifacts"))),
        parity=tuple(map(_parity, fields.children("parity"))),
        golden=tuple(map(_golden, fields.children("golden"))),
        files=tuple(map(read_entry, fields.children("files"))),
        features=read_features(fields.child("features")) if "features" in fields.data else None,
        gates=tuple(map(read_gate, fields.children("gates"))) if "gates" in fields.data else (),
    )


def _model(fields: Fields) -> ModelInfo:
    return ModelInfo(
        name=fields.text("name"),
        source=fields.text("source"),
        licence=fields.text("licence"),
        labels=fields.texts("labels"),
        blank=fields.integer("blank"),
        word_delimiter=fields.optional_text("word_delimiter"),
        sample_rate=fields.integer("sample_rate", least=1),
        frame_stride=fields.integer("frame_stride", least=1),
        receptive_field=fields.integer("receptive_field", least=1),
        normalize_waveform=fields.boolean("normalize_waveform"),
        emission=fields.one_of("emission", EMISSIONS),
        parameters=fields.integer("parameters"),
    )


def _artifact(fields: Fields) -> Artifact:
    return Artifact(
        **vars(read_entry(fields)),
        kind=fields.one_of("kind", KINDS),
        precision=fields.text("precision"),
        inputs=tuple(map(_tensor, fields.children("inputs"))),
        outputs=tuple(map(_tensor, fields.children("outputs"))),
        external_data=tuple(map(read_entry, fields.children("external_data"))),
        optional_inputs=_optional_inputs(fields),
        # Packages that were written before there were any do not tell.
        attention_in_blocks=(
            "attention_in_blocks" in fields.data and fields.boolean("attention_in_blocks")
        ),
    )


def _optional_inputs(fields: Fields) -> tuple[TensorSpec, ...]:
    if "optional_inputs" not in fields.data:  # of packages that were written before there were any
        return ()
    return tuple(map(_tensor, fields.children("optional_inputs")))


def _golden(fields: Fields) -> GoldenClip:
    return GoldenClip(
        **vars(read_entry(fields)),
        seconds=fields.number("seconds"),
        transcript=fields.text("transcript"),
        tokens=fields.integers("tokens"),
        token_starts=fields.integers("token_starts"),
        token_ends=fields.integers("token_ends"),
        frames=fields.integer("frames"),
        emission=read_entry(fields.child("emission")),
    )


def _parity(fields: Fields) -> Parity:
    return Parity(
        **vars(read_measurement(fields)),
        max_emission_difference=fields.number("max_emission_difference"),
        emission_tolerance=fields.number("emission_tolerance"),
        equal_transcripts=fields.number("equal_transcripts"),
        cer=fields.number("cer"),
    )


def _tensor(fields: Fields) -> TensorSpec:
    return TensorSpec(fields.text("name"), fields.text("type"), fields.dimensions("shape"))
