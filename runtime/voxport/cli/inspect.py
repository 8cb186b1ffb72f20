"""``voxport inspect``: a package's manifest for people, or as it is for programs."""

from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from voxport.cli.options import Package
from voxport.cli.package_argument import choose_model
from voxport.cli.terminal import printable
from voxport.cli.vocabulary import vocabulary_note

if TYPE_CHECKING:
    from voxport.package.manifest import (
        Artifact,
        FeatureParity,
        HeadInfo,
        HeadParity,
        LanguageModelInfo,
        Manifest,
        ModelInfo,
        Parity,
        QualityGate,
    )


def inspect(
    package: Package,
    as_json: Annotated[bool, typer.Option("--json", help="Print manifest.json as it is.")] = False,
) -> None:
    """Show the contents of a package and its measured parity.

    \b
    Examples:
      voxport inspect commands
      voxport inspect build/base960h --json | jq .model.labels

    Reads the manifest only; `voxport verify` checks the files.
    """
    from voxport.package.find import find_package
    from voxport.package.manifest import FILE_NAME
    from voxport.package.read_manifest import read_manifest

    folder = find_package(choose_model(package).package)
    manifest = read_manifest(folder)
    if as_json:
        typer.echo((folder / FILE_NAME).read_text(encoding="utf-8"), nl=False)
        return
    typer.echo(f"{printable(folder)}\n")
    _print_model(manifest.model)
    if manifest.languages:
        _print_languages(manifest)
    if manifest.features is not None:
        layers = f"{manifest.features.layers} layers of {manifest.features.width} channels"
        typer.echo(f"{'features':16} {layers}")
    if manifest.head is not None:
        _print_head(manifest.head, manifest.model)
    if manifest.language_model is not None:
        _print_language_model(manifest.language_model)
    for language in manifest.languages:
        _print_artifacts(manifest.in_language(language))
    if not manifest.languages:
        _print_artifacts(manifest)
    _print_rest(manifest)


def _print_artifacts(manifest: "Manifest") -> None:
    for artifact in manifest.artifacts:
        _print_artifact(artifact)
        if (of_head := manifest.head_parity_of(artifact)) is not None:
            _print_head_parity(of_head)
            continue
        parity, of_features = manifest.parity_of(artifact), manifest.feature_parity_of(artifact)
        if parity is not None:
            _print_parity(parity)
        if of_features is not None:
            _print_feature_parity(of_features)
        if (gate := manifest.gate_of(artifact)) is not None:
            _print_gate(gate)
        elif parity is None and of_features is None:
            typer.echo("  parity: not measured")


def _print_model(model: "ModelInfo") -> None:
    rate = model.sample_rate
    delimiter = "none" if model.word_delimiter is None else repr(model.word_delimiter)
    rows = {
        "model": model.name,
        "source": model.source,
        "licence": model.licence,
        "parameters": f"{model.parameters:,}",
        "labels": f"{len(model.labels)}: {' '.join(model.labels)}",
        "blank": repr(model.labels[model.blank]) if model.transcribes else "none",
        "word delimiter": delimiter,
        "sample rate": f"{rate} Hz",
        "frame stride": f"{model.frame_stride} samples ({1000 * model.frame_stride / rate:g} ms)",
        "receptive field": f"{model.receptive_field} samples "
        f"({1000 * model.receptive_field / rate:g} ms)",
        "waveform": "normalised by the graph" if model.normalize_waveform else "as it is",
        "emission": model.emission,
    }
    for name, value in rows.items():
        typer.echo(f"{name:16} {printable(value)}")
    if note := vocabulary_note(model):
        typer.echo(fill(f"{'understands':16} {printable(note)}", 79, subsequent_indent=" " * 17))


def _print_languages(manifest: "Manifest") -> None:
    default = manifest.default_language or "none: name one with --language"
    names = ", ".join(one.language for one in manifest.languages)
    typer.echo(f"{'default language':16} {printable(default)}")
    typer.echo(fill(f"{'languages':16} {printable(names)}", 79, subsequent_indent=" " * 17))


def _print_language_model(words: "LanguageModelInfo") -> None:
    kind = "ARPA" if words.model.path.endswith((".arpa", ".arpa.gz")) else "KenLM"
    typer.echo(
        f"{'language model':16} {words.model.path} ({kind}, {_size(words.model.bytes)}), words in "
        f"{words.unigrams.path} ({_size(words.unigrams.bytes)})\n"
        f"{'':16} licence: {printable(words.licence)}\n"
        f"{'':16} alpha {words.alpha:g}, beta {words.beta:g}, unknown word "
        f"{words.unknown_score_offset:g}; used with --beam or --lm package"
    )


def _print_artifact(artifact: "Artifact") -> None:
    size = artifact.bytes + sum(entry.bytes for entry in artifact.external_data)
    typer.echo(f"\n{artifact.path}  {artifact.kind} {artifact.precision}, {_size(size)}")


def _print_parity(parity: "Parity") -> None:
    typer.echo(
        f"  parity: {parity.against} ({parity.provider}) against {parity.reference}\n"
        f"          {parity.equal_transcripts:.1%} of {parity.clips} transcripts equal "
        f"({parity.seconds:.0f} s), CER {parity.cer:.2%}\n"
        f"          emissions within {parity.max_emission_difference:.1e} "
        f"(limit {parity.emission_tolerance:.1e})"
    )


def _print_gate(gate: "QualityGate") -> None:
    speed = "speed not measured" if gate.speed is None else f"{gate.speed:.2f} times as fast"
    typer.echo(
        f"  against fp32: {gate.against} ({gate.provider}) against {gate.reference}\n"
        f"          {gate.equal_transcripts:.1%} of {gate.clips} transcripts equal "
        f"({gate.seconds:.0f} s), CER {gate.cer:.2%} (limit of the export {gate.cer_limit:.2%})\n"
        f"          emissions within {gate.max_emission_difference:.1e}; {speed}"
        f"{'; forced' if gate.forced else ''}"
    )


def _print_feature_parity(parity: "FeatureParity") -> None:
    typer.echo(
        f"  features: {parity.against} ({parity.provider}) against {parity.reference}\n"
        f"            every layer within {parity.max_difference:.1e} "
        f"(limit {parity.tolerance:.1e}) on {parity.clips} recordings ({parity.seconds:.0f} s)"
    )


def _print_head(head: "HeadInfo", model: "ModelInfo") -> None:
    seconds = head.least_samples / model.sample_rate
    typer.echo(f"{'task':16} {model.task}, of recordings of at least {seconds:.3f} s")
    what = "scores" if model.labels else "embedding"
    detail = f"{head.activation} of the logits" if model.labels else f"{head.width} numbers"
    typer.echo(f"{what:16} {detail}")


def _print_head_parity(parity: "HeadParity") -> None:
    typer.echo(
        f"  parity: {parity.against} ({parity.provider}) against {parity.reference}\n"
        f"          {parity.equal_labels:.1%} of {parity.clips} recordings equal "
        f"({parity.seconds:.0f} s), within {parity.max_difference:.1e} "
        f"(limit {parity.tolerance:.1e})"
    )


def _print_rest(manifest: "Manifest") -> None:
    golden = manifest.head.golden if manifest.head is not None else manifest.golden
    seconds = sum(clip.seconds for clip in golden)
    versions = ", ".join(f"{name} {version}" for name, version in manifest.created_by.items())
    typer.echo(f"\n{'golden clips':16} {len(golden)} ({seconds:.1f} s)")
    typer.echo(f"{'other files':16} {', '.join(entry.path for entry in manifest.files) or 'none'}")
    typer.echo(f"{'written by':16} {versions}")


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
