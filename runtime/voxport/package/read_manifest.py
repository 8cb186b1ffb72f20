"""Parsing of ``manifest.json`` and the checks across its fields.

Every wrong field is reported by name. Opens no other file of the package.
"""

import hashlib
import json
from pathlib import Path

from voxport.errors import (
    IntegrityError,
    LaterVersionError,
    ManifestError,
    PackageError,
    PackageNotFoundError,
    accessing,
    naming,
)
from voxport.package.integrity import open_regular
from voxport.package.json_fields import Fields
from voxport.package.manifest import (
    EMISSIONS,
    FILE_NAME,
    FORMAT,
    KINDS,
    TASKS,
    TRANSCRIPTION,
    UNSIGNED,
    VERSION,
    Artifact,
    BlankGate,
    FeatureInfo,
    FeatureParity,
    GoldenClip,
    GoldenFeatures,
    LanguageInfo,
    LanguageModelInfo,
    Manifest,
    ModelInfo,
    Parity,
    QualityGate,
    TensorSpec,
)
from voxport.package.read_entries import read_entry, read_measurement
from voxport.package.read_evaluation import read_evaluation
from voxport.package.read_head import check_head, read_head

# Written ones have 5 to 40 kB, and 0.5 MB with 20 000 labels.
_MAX_BYTES = 4_000_000

_MAX_DIGITS = 400  # of a whole number; the largest that a field takes has 16

# Figures that a model can have: a waveform is at 8 to 48 kHz, a frame sees 25 ms and starts every
# 20 ms. What is far beyond would end as gigabytes of padding or of silence.
_MIN_RATE_HZ, _MAX_RATE_HZ = 1_000, 1_000_000  # as of recordings
_MAX_FRAME_SAMPLES = 1 << 20
_MAX_WEIGHT = 1_000_000  # of a language model; more would leave nothing of the acoustics
_MAX_LAYERS, _MAX_WIDTH = 1_000, 100_000  # published models have up to 48 of 1 920


def read_manifest(folder: Path, sha256: str | None = None) -> Manifest:
    """Read the manifest of the package in ``folder``.

    Args:
        folder: the package's.
        sha256: of the whole file as it was signed; None: any manifest will do.

    Raises:
        PackageNotFoundError: there is no manifest in the folder.
        IntegrityError: it is not the signed one.
        ManifestError: it is not JSON, not of this format, or a field is not as published.
    """
    path = Path(folder) / FILE_NAME
    with accessing(path, PackageError):
        try:
            with open_regular(path) as file:
                raw = file.read(_MAX_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise PackageNotFoundError(
                f"not a voxport package: there is no {FILE_NAME} in it; "
                "`voxport export MODEL -o DIR` writes a package",
                folder,
            ) from None
    if sha256 not in (None, hashlib.sha256(raw).hexdigest()):
        raise IntegrityError("was changed after its signature was checked", path)
    try:
        return parse_manifest(raw)
    except ManifestError as error:
        raise error.about(path) from None


def parse_manifest(raw: bytes) -> Manifest:
    """Parse the bytes of a ``manifest.json``."""
    if len(raw) > _MAX_BYTES:
        raise ManifestError(f"is larger than {_MAX_BYTES / 1e6:g} MB, which no manifest is")
    try:
        document = json.loads(
            raw.decode("utf-8"), parse_int=_integer_of, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not JSON: {error}") from None
    fields = Fields.from_value(document, "")
    _check_version(fields)
    manifest = _manifest(fields)
    _check_integrity(raw, fields.sha256("sha256"))
    _check_consistency(manifest)
    return manifest


def _integer_of(digits: str) -> int:
    """Return a whole number; of millions of digits, older versions of Python take minutes."""
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _refuse_constant(name: str) -> float:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(f"{name} is no number of JSON")


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
    found = hashlib.sha256(raw.replace(recorded.encode(), UNSIGNED.encode(), 1)).hexdigest()
    if found != recorded:
        raise ManifestError(
            f"changed since it was written: expected sha256 {recorded}, found {found}; "
            "copy the package again or export it again"
        )


def _check_consistency(manifest: Manifest) -> None:
    _check_language(manifest)
    names = [one.language for one in manifest.languages]
    for one in manifest.languages:
        with naming(f"language {one.language!r}"):
            _check_language(manifest.in_language(one))
    if manifest.default_language not in (None, *names) or len(set(names)) < len(names):
        raise ManifestError(
            f"default_language is {manifest.default_language!r}, and the languages are {names}"
        )
    paths = [FILE_NAME, *(entry.path for entry in manifest.entries())]
    for path in {path for path in paths if paths.count(path) > 1}:
        raise ManifestError(f"the file {path!r} is listed twice")


def _check_language(manifest: Manifest) -> None:
    """Check the fields of one language, or of a package with one."""
    model = manifest.model
    if model.transcribes == (model.emission == "none"):
        raise ManifestError(f"model.emission is {model.emission!r} of {len(model.labels)} labels")
    if model.transcribes and model.blank >= len(model.labels):
        raise ManifestError(f"model.blank is {model.blank} of {len(model.labels)} labels")
    if model.word_delimiter is not None and model.word_delimiter not in model.labels:
        raise ManifestError(f"model.word_delimiter {model.word_delimiter!r} is not a label")
    check_head(manifest)
    words = manifest.language_model
    if words is not None and len(words.labels) != len(model.labels):
        raise ManifestError(
            f"language_model has {len(words.labels)} labels, the model {len(model.labels)}"
        )
    _check_outputs(manifest)
    _check_measurements(manifest)


def _check_measurements(manifest: Manifest) -> None:
    artifacts = [artifact.path for artifact in manifest.artifacts]
    features = manifest.features
    of_features = features.parity if features else ()
    of_head = manifest.head.parity if manifest.head else ()
    for item in (*manifest.parity, *of_features, *of_head, *manifest.gates):
        if item.artifact not in artifacts:
            name = "gates" if isinstance(item, QualityGate) else "parity"
            raise ManifestError(f"{name} names {item.artifact!r}, which is not an artifact")


def _check_outputs(manifest: Manifest) -> None:
    """Refuse emissions of another width than the labels: a transcript would end in the middle."""
    labels = len(manifest.model.labels)
    for artifact in manifest.artifacts:
        for output in artifact.outputs:
            if output.name == "emission" and output.shape[-1:] != (labels,):
                raise ManifestError(
                    f"{artifact.path} gives an emission of {list(output.shape)} for {labels} labels"
                )
        _check_features(artifact, manifest.features)


def _check_features(artifact: Artifact, features: FeatureInfo | None) -> None:
    """Refuse layers missing from the graph: a run would end in the middle."""
    widths = [output.shape[-1:] for output in artifact.features]
    if widths and (features is None or widths != [(features.width,)] * features.layers):
        listed = "none" if features is None else f"{features.layers} of width {features.width}"
        raise ManifestError(
            f"{artifact.path} gives features of {len(widths)} layers, the manifest lists {listed}"
        )


def _manifest(fields: Fields) -> Manifest:
    return Manifest(
        created_by=fields.text_map("created_by"),
        model=_model(fields.child("model")),
        artifacts=tuple(map(_artifact, fields.children("artifacts"))),
        parity=tuple(map(_parity, fields.children("parity"))),
        golden=tuple(map(_golden_clip, fields.children("golden"))),
        files=tuple(map(read_entry, fields.children("files"))),
        features=_features(fields.child("features")) if "features" in fields.data else None,
        gates=tuple(map(_gate, fields.children("gates"))) if "gates" in fields.data else (),
        blank_gate=_blank_gate(fields.child("blank_gate")) if "blank_gate" in fields.data else None,
        head=read_head(fields.child("head")) if "head" in fields.data else None,
        language_model=(
            _language_model(fields.child("language_model"))
            if "language_model" in fields.data
            else None
        ),
        languages=(
            tuple(map(_language, fields.children("languages")))
            if "languages" in fields.data
            else ()
        ),
        default_language=(
            fields.optional_text("default_language") if "default_language" in fields.data else None
        ),
        evaluations=(
            tuple(map(read_evaluation, fields.children("evaluations")))
            if "evaluations" in fields.data
            else ()
        ),
    )


def _language(fields: Fields) -> LanguageInfo:
    return LanguageInfo(
        language=fields.text("language"),
        model=_model(fields.child("model")),
        artifacts=tuple(map(_artifact, fields.children("artifacts"))),
        parity=tuple(map(_parity, fields.children("parity"))),
        golden=tuple(map(_golden_clip, fields.children("golden"))),
        blank_gate=_blank_gate(fields.child("blank_gate")) if "blank_gate" in fields.data else None,
    )


def _model(fields: Fields) -> ModelInfo:
    return ModelInfo(
        name=fields.model_name("name"),
        source=fields.text("source"),
        licence=fields.text("licence"),
        labels=fields.texts("labels"),
        blank=fields.integer("blank"),
        word_delimiter=fields.optional_text("word_delimiter"),
        sample_rate=fields.integer("sample_rate", _MIN_RATE_HZ, _MAX_RATE_HZ),
        frame_stride=fields.integer("frame_stride", 1, _MAX_FRAME_SAMPLES),
        receptive_field=fields.integer("receptive_field", 1, _MAX_FRAME_SAMPLES),
        normalize_waveform=fields.boolean("normalize_waveform"),
        emission=fields.one_of("emission", EMISSIONS),
        parameters=fields.integer("parameters"),
        unused_weights=_optional_texts(fields, "unused_weights"),
        notes=_optional_texts(fields, "notes"),
        overrides=_optional_map(fields, "overrides"),
        task=fields.one_of("task", TASKS) if "task" in fields.data else TRANSCRIPTION,
        vocabulary=fields.text("vocabulary") if "vocabulary" in fields.data else "",
    )


def _optional_texts(fields: Fields, key: str) -> tuple[str, ...]:
    return fields.texts(key) if key in fields.data else ()


def _optional_map(fields: Fields, key: str) -> dict[str, str]:
    return fields.text_map(key) if key in fields.data else {}


def _artifact(fields: Fields) -> Artifact:
    return Artifact(
        **vars(read_entry(fields)),
        kind=fields.one_of("kind", KINDS),
        precision=fields.text("precision"),
        inputs=tuple(map(_tensor, fields.children("inputs"))),
        outputs=tuple(map(_tensor, fields.children("outputs"))),
        external_data=tuple(map(read_entry, fields.children("external_data"))),
        # Packages of earlier exporters have neither of these two fields.
        optional_inputs=(
            tuple(map(_tensor, fields.children("optional_inputs")))
            if "optional_inputs" in fields.data
            else ()
        ),
        attention_in_blocks=(
            "attention_in_blocks" in fields.data and fields.boolean("attention_in_blocks")
        ),
    )


def _golden_clip(fields: Fields) -> GoldenClip:
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


def _features(fields: Fields) -> FeatureInfo:
    return FeatureInfo(
        layers=fields.integer("layers", 1, _MAX_LAYERS),
        width=fields.integer("width", 1, _MAX_WIDTH),
        golden=_golden_features(fields.child("golden")),
        parity=tuple(map(_feature_parity, fields.children("parity"))),
    )


def _golden_features(fields: Fields) -> GoldenFeatures:
    return GoldenFeatures(
        **vars(read_entry(fields)),
        seconds=fields.number("seconds"),
        frames=fields.integer("frames"),
        values=read_entry(fields.child("values")),
    )


def _language_model(fields: Fields) -> LanguageModelInfo:
    return LanguageModelInfo(
        model=read_entry(fields.child("model")),
        unigrams=read_entry(fields.child("unigrams")),
        labels=fields.texts("labels"),
        alpha=fields.real("alpha", 0, _MAX_WEIGHT),
        beta=fields.real("beta", -_MAX_WEIGHT, _MAX_WEIGHT),
        unknown_score_offset=fields.real("unknown_score_offset", -_MAX_WEIGHT, _MAX_WEIGHT),
        score_boundary=fields.boolean("score_boundary"),
        licence=fields.text("licence"),
    )


def _parity(fields: Fields) -> Parity:
    return Parity(
        **vars(read_measurement(fields)),
        max_emission_difference=fields.number("max_emission_difference"),
        emission_tolerance=fields.number("emission_tolerance"),
        equal_transcripts=fields.number("equal_transcripts"),
        cer=fields.number("cer"),
    )


def _feature_parity(fields: Fields) -> FeatureParity:
    return FeatureParity(
        **vars(read_measurement(fields)),
        max_difference=fields.number("max_difference"),
        tolerance=fields.number("tolerance"),
    )


def _gate(fields: Fields) -> QualityGate:
    return QualityGate(
        **vars(read_measurement(fields)),
        max_emission_difference=fields.number("max_emission_difference"),
        equal_transcripts=fields.number("equal_transcripts"),
        cer=fields.number("cer"),
        cer_limit=fields.number("cer_limit"),
        speed=None if fields.value("speed") is None else fields.number("speed"),
        forced=fields.boolean("forced"),
    )


def _blank_gate(fields: Fields) -> BlankGate:
    return BlankGate(
        frames=fields.integer("frames"),
        share=fields.number("share"),
        rival=fields.integer("rival"),
        rival_share=fields.number("rival_share"),
        forced=fields.boolean("forced"),
    )


def _tensor(fields: Fields) -> TensorSpec:
    return TensorSpec(fields.text("name"), fields.text("type"), fields.dimensions("shape"))
