"""The model card of a package: what it holds, where it came from, what was measured."""

from __future__ import annotations

from voxport.manifest import Artifact, Manifest, Parity


def write_card(manifest: Manifest) -> str:
    """Write the package's README.md."""
    model = manifest.model
    labels = " ".join(f"`{label}`" for label in model.labels)
    rows = "\n".join(_row(item, manifest.parity_of(item)) for item in manifest.artifacts)
    field_ms = 1000 * model.receptive_field / model.sample_rate
    stride_ms = 1000 * model.frame_stride / model.sample_rate
    return f"""# {model.name}

A speech recogniser in one file: waveform in, transcript out. Exported by voxport \
{manifest.created_by["voxport"]} from `{model.source}`.

| | |
|---|---|
| Licence of the weights | **{model.licence}** |
| Parameters | {model.parameters / 1e6:.1f} million |
| Input | mono, {model.sample_rate} Hz, float32 |
| Frames | one every {stride_ms:g} ms, each {field_ms:g} ms wide |
| Waveform normalised in the graph | {"yes" if model.normalize_waveform else "no"} |
| Emission | {"logits" if model.emission == "logits" else "log-probabilities"} |
| Blank | `{model.labels[model.blank]}` (index {model.blank}) |
| Word delimiter | {f"`{model.word_delimiter}`" if model.word_delimiter else "none"} |

Labels: {labels}

## Files and measured parity

Each file was loaded again from disk and compared with eager torchaudio, every clip alone and
all of them in one batch.

| file | MB | run by | clips | seconds | largest difference of emissions | equal transcripts |
|---|---|---|---|---|---|---|
{rows}

## Use

```
pip install "voxport[cpu]"
voxport transcribe . speech.flac
voxport verify .
```
"""


def _row(artifact: Artifact, parity: Parity | None) -> str:
    size = (artifact.bytes + sum(entry.bytes for entry in artifact.external_data)) / 1e6
    if parity is None:
        return f"| {artifact.path} | {size:.1f} | | | | not measured | |"
    return (
        f"| {artifact.path} | {size:.1f} | {parity.against}, {parity.provider} | {parity.clips} "
        f"| {parity.seconds:.1f} | {parity.max_emission_difference:.1e} "
        f"(allowed {parity.emission_tolerance:.1e}) | {parity.equal_transcripts:.0%} |"
    )
