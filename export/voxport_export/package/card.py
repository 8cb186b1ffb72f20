"""The model card of a package: contents, origin, licence and measurements."""

from __future__ import annotations

import re

from voxport.package.manifest import (
    CLASSIFICATION,
    EMBEDDING,
    FRAMES,
    Artifact,
    BlankGate,
    HeadInfo,
    Manifest,
    ModelInfo,
    Parity,
    QualityGate,
)
from voxport_export.package.emotion_notice import emotion_notice
from voxport_export.parity.blank_gate import blank_reason


def write_card(manifest: Manifest, layout: str = "", usage: str | None = None) -> str:
    """Write the README.md of a package or of its layout.

    Args:
        manifest: the package's.
        layout: measurements of the layout's files.
        usage: instructions for the layout; None: the package's.
    """
    model = manifest.model
    field_ms = 1000 * model.receptive_field / model.sample_rate
    stride_ms = 1000 * model.frame_stride / model.sample_rate
    languages = _language_row(manifest) + ("" if usage else _language_model_rows(manifest))
    return f"""# {model.name}

{_summary(manifest)} Exported by voxport {manifest.created_by["voxport"]} from `{model.source}`.

| | |
|---|---|
| Licence of the weights | **{_cell(model.licence)}** |
| Parameters | {model.parameters / 1e6:.1f} million |
| Input | mono, {model.sample_rate} Hz, float32 |
| Frames | one every {stride_ms:g} ms, each {field_ms:g} ms wide |
| Waveform normalised in the graph | {"yes" if model.normalize_waveform else "no"} |
{_unused_row(model)}{_note_rows(model)}{languages}{_head_rows(model, manifest.blank_gate)}{
        _task_rows(manifest)
    }
{emotion_notice(model)}## Files and measured parity

Each file was loaded again from disk and compared with {_references(manifest)}, every clip alone
and all of them in one batch.
{_transcript_parity(manifest) if model.transcribes else ""}{_feature_parity(manifest)}{
        _head_parity(manifest)
    }{layout}
## Use
{_usage(model) if usage is None else usage}"""


def _usage(model: ModelInfo) -> str:
    return f"""
```
pip install "voxport[cpu]"
voxport {_command(model)}
voxport verify .
```
"""


def _command(model: ModelInfo) -> str:
    if model.transcribes:
        return "transcribe . speech.flac"
    return {
        CLASSIFICATION: "classify . speech.flac",
        FRAMES: "classify . speech.flac",
        EMBEDDING: "embed . speech.flac",
    }.get(model.task, "plot . speech.flac --features")


_SUMMARIES = {
    CLASSIFICATION: "A classifier of speech in one file: waveform in, labels and their scores out.",
    FRAMES: "A classifier of speech in one file: waveform in, scores of each label in time out.",
    EMBEDDING: "An encoder of speakers in one file: waveform in, embedding out.",
}


def _summary(manifest: Manifest) -> str:
    if manifest.model.task in _SUMMARIES:
        return _SUMMARIES[manifest.model.task]
    if manifest.model.transcribes:
        return "A speech recogniser in one file: waveform in, transcript out."
    return "A speech model in one file: waveform in, the outputs of its transformer layers out."


def _head_rows(model: ModelInfo, gate: BlankGate | None) -> str:
    if not model.transcribes:
        return ""
    labels = " ".join(_code(label) for label in model.labels if label)
    return f"""| Emission | {"logits" if model.emission == "logits" else "log-probabilities"} |
| Blank | {_cell_code(model.labels[model.blank])} (index {model.blank}){_blank_share(gate)} |
| Word delimiter | {_cell_code(model.word_delimiter) if model.word_delimiter else "none"} |

Labels: {labels}
"""


def _blank_share(gate: BlankGate | None) -> str:
    if gate is None:
        return ""
    forced = (
        f", less than another label's {gate.rival_share:.0%}: **{blank_reason(gate)}**"
        if gate.forced
        else ""
    )
    return f", the best label of {gate.share:.0%} of the frames measured{forced}"


def _note_rows(model: ModelInfo) -> str:
    return "".join(f"| Decided by the export | {_cell(note)} |\n" for note in model.notes)


def _task_rows(manifest: Manifest) -> str:
    """Write the rows of a task other than transcription."""
    head, model = manifest.head, manifest.model
    if head is None:
        return ""
    least_ms = 1000 * head.least_samples / model.sample_rate
    rows = f"| Shortest recording with an answer | {least_ms:g} ms |\n"
    if model.task == EMBEDDING:
        return f"{rows}| Embedding | {head.width} numbers, not normalised |\n"
    labels = " ".join(map(_code, model.labels))
    return f"{rows}| Scores | {head.activation} of the logits |\n\nLabels: {labels}\n"


def _head_parity(manifest: Manifest) -> str:
    head = manifest.head
    if head is None:
        return ""
    rows = "".join(_head_row(item, head) for item in manifest.artifacts)
    what = "embeddings" if manifest.model.task == EMBEDDING else "logits"
    return f"""
| file | MB | run by | clips | seconds | largest difference of {what} | equal answers |
|---|---|---|---|---|---|---|
{rows}"""


def _head_row(artifact: Artifact, head: HeadInfo) -> str:
    size = (artifact.bytes + sum(entry.bytes for entry in artifact.external_data)) / 1e6
    parity = next((one for one in head.parity if one.artifact == artifact.path), None)
    if parity is None:
        return f"| {artifact.path} | {size:.1f} | | | | not measured | |\n"
    return (
        f"| {artifact.path} | {size:.1f} | {parity.against}, {parity.provider} | {parity.clips} "
        f"| {parity.seconds:.1f} | {parity.max_difference:.1e} (allowed {parity.tolerance:.1e}) "
        f"| {parity.equal_labels:.0%} |\n"
    )


def _code(text: str) -> str:
    """Write text as Markdown code, whatever it holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _cell_code(text: str) -> str:
    """Write text as code in a table, where a bar would end the cell."""
    return _code(text).replace("|", r"\|")


def _cell(text: str) -> str:
    """Write text on one line of a table."""
    return " ".join(text.split()).replace("|", r"\|")


def _unused_row(model: ModelInfo) -> str:
    if not model.unused_weights:
        return ""
    named = ", ".join(map(_cell_code, model.unused_weights))
    return f"| **Weights of the checkpoint left out** | {named} |\n"


def _language_row(manifest: Manifest) -> str:
    if not manifest.languages:
        return ""
    names = ", ".join(one.language for one in manifest.languages)
    default = manifest.default_language or "none"
    return f"| Languages (`--language CODE`) | {_cell(names)}; default: {_cell(default)} |\n"


def _language_model_rows(manifest: Manifest) -> str:
    words = manifest.language_model
    if words is None:
        return ""
    size = sum(entry.bytes for entry in words.files) / 1e6
    return (
        f"| Language model | {_cell_code(words.model.path)}, {size:.1f} MB with its words; used "
        f"with `--beam N` or `--lm package` |\n"
        "| Licence of the language model | taken to be the checkpoint's: "
        f"**{_cell(words.licence)}** |\n"
    )


def _references(manifest: Manifest) -> str:
    """Name the eager models of the measurements."""
    features = manifest.features.parity if manifest.features else ()
    names = dict.fromkeys(one.reference for one in (*manifest.parity, *manifest.gates, *features))
    return " and ".join(names) or "the eager model"


def _transcript_parity(manifest: Manifest) -> str:
    exact = [item for item in manifest.artifacts if manifest.gate_of(item) is None]
    rows = "\n".join(_parity_row(item, manifest.parity_of(item)) for item in exact)
    return f"""
| file | MB | run by | clips | seconds | largest difference of emissions | equal transcripts |
|---|---|---|---|---|---|---|
{rows}
{_low_precision_losses(manifest)}"""


def _low_precision_losses(manifest: Manifest) -> str:
    """Write the table of low-precision artifacts: loss and speed."""
    rows = [_low_precision_row(item, manifest.gate_of(item)) for item in manifest.artifacts]
    if not any(rows):
        return ""
    return f"""
Low-precision files, against fp32:

| file | MB | run by | clips | seconds | equal transcripts | CER | times as fast |
|---|---|---|---|---|---|---|---|
{"".join(rows)}"""


def _low_precision_row(artifact: Artifact, gate: QualityGate | None) -> str:
    if gate is None:
        return ""
    speed = "not measured" if gate.speed is None else f"{gate.speed:.2f}"
    return (
        f"| {artifact.path} | {artifact.bytes / 1e6:.1f} | {gate.against}, {gate.provider} "
        f"| {gate.clips} | {gate.seconds:.1f} | {gate.equal_transcripts:.1%} "
        f"| {gate.cer:.2%} (allowed {gate.cer_limit:.2%}) "
        f"| {speed}{', forced' if gate.forced else ''} |\n"
    )


def _feature_parity(manifest: Manifest) -> str:
    features = manifest.features
    if features is None:
        return ""
    rows = "\n".join(
        f"| {one.artifact} | {one.against}, {one.provider} | {one.clips} | {one.seconds:.1f} "
        f"| {one.max_difference:.1e} (allowed {one.tolerance:.1e}) |"
        for one in features.parity
    )
    return f"""
Features: {features.layers} transformer layers of {features.width} channels, in ONNX the outputs
`features_1` to `features_{features.layers}`, in TorchScript the list that
`extract_features(waveform, lengths)` returns with its lengths.

| file | run by | clips | seconds | largest difference of any layer |
|---|---|---|---|---|
{rows}
"""


def _parity_row(artifact: Artifact, parity: Parity | None) -> str:
    size = (artifact.bytes + sum(entry.bytes for entry in artifact.external_data)) / 1e6
    if parity is None:
        return f"| {artifact.path} | {size:.1f} | | | | not measured | |"
    return (
        f"| {artifact.path} | {size:.1f} | {parity.against}, {parity.provider} | {parity.clips} "
        f"| {parity.seconds:.1f} | {parity.max_emission_difference:.1e} "
        f"(allowed {parity.emission_tolerance:.1e}) | {parity.equal_transcripts:.0%} |"
    )
