"""``voxport export``; the runtime's command finds it through an entry point.

Imports nothing heavy until it runs: ``voxport --help`` stays quick and works without torch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxport.cli.options import each_of, finite, one_of, recordings
from voxport.errors import MissingDependencyError
from voxport.package.manifest import FP16, FP32, KINDS
from voxport_export import layouts
from voxport_export.formats import DEFAULT_FORMATS
from voxport_export.torch_pair import import_torch_pair

if TYPE_CHECKING:
    from voxport.package.manifest import Manifest
    from voxport_export.layouts.protocol import Agreement


# Panels of the help
_ARTIFACTS, _LOW_PRECISION, _COMPARISON = "Artifacts", "Low precision", "Comparison"
_SOURCE = "Source"
_PRECISIONS = (FP32, "int8", FP16)  # int8 is for CPUs, fp16 for CUDA


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A bundle of torchaudio.pipelines (WAV2VEC2_ASR_BASE_960H), a shipped model "
            "(commands), a folder with config.json and weights.safetensors, or a Hugging Face "
            "id or folder; behind a colon, the language of an MMS model. With --layout also a "
            "package.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="The package's folder. What an earlier export wrote there is replaced; a folder "
            "with anything else in it is refused.",
            show_default=False,
        ),
    ],
    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            "-f",
            metavar="|".join(KINDS),
            callback=each_of(KINDS),
            help="Artifacts to write; repeat for several. torch calls TorchScript deprecated since "
            "2.10, and does not support it from Python 3.14 on; exported-program is its .pt2.",
            rich_help_panel=_ARTIFACTS,
        ),
    ] = list(DEFAULT_FORMATS),  # noqa: B006
    precisions: Annotated[
        list[str],
        typer.Option(
            "--precision",
            metavar="|".join(_PRECISIONS),
            callback=each_of(_PRECISIONS),
            help="fp32, and for ONNX int8 (CPUs) and fp16 (CUDA); repeat for several.",
            rich_help_panel=_ARTIFACTS,
        ),
    ] = [FP32],  # noqa: B006
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE_OR_DIR",
            help="Speech to fit int8 to, and to compare int8 and fp16 with fp32 on; folders are "
            "searched. Repeat for several.",
            show_default="the recordings of --audio",
            rich_help_panel=_LOW_PRECISION,
        ),
    ] = None,
    max_cer_loss: Annotated[
        float,
        typer.Option(
            metavar="PERCENT",
            min=0.0,
            callback=finite,
            help="Write no int8 or fp16 whose transcripts differ from those of fp32 in more of "
            "their characters.",
            rich_help_panel=_LOW_PRECISION,
        ),
    ] = 1.0,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Write what a gate refuses: int8 or fp16 that differs in more characters or is "
            "not faster, and a blank that is not the most frequent label, as with untrained "
            "weights. The manifest says so.",
            rich_help_panel=_COMPARISON,
        ),
    ] = False,
    blank: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="The label that is the CTC blank, or its index.",
            show_default="as the model's files say",
            rich_help_panel=_SOURCE,
        ),
    ] = None,
    normalize: Annotated[
        bool | None,
        typer.Option(
            "--normalize/--no-normalize",
            help="Normalise the waveform of a Hugging Face checkpoint, or not.",
            show_default="as its files say, else as feat_extract_norm says",
            rich_help_panel=_SOURCE,
        ),
    ] = None,
    allow_unused: Annotated[
        bool,
        typer.Option(
            "--allow-unused",
            help="Leave out weights of a checkpoint that its model does not use, in place of an "
            "error; the manifest and the card list them.",
            rich_help_panel=_SOURCE,
        ),
    ] = False,
    languages: Annotated[
        list[str] | None,
        typer.Option(
            "--language",
            metavar="CODE",
            help="The language of an MMS model, as MODEL:CODE; repeat for one package with "
            "several, or write a list with commas or `all`. They share their weights.",
            show_default=False,
            rich_help_panel=_ARTIFACTS,
        ),
    ] = None,
    no_language_model: Annotated[
        bool,
        typer.Option(
            "--no-lm",
            help="Leave out the language model that a checkpoint brings (its folder "
            "language_model).",
            rich_help_panel=_ARTIFACTS,
        ),
    ] = False,
    features: Annotated[
        bool,
        typer.Option(
            "--features",
            help="Give the output of every transformer layer too; for a model without a CTC head "
            "(HUBERT_BASE, WAVLM_LARGE …) it is all there is.",
            rich_help_panel=_ARTIFACTS,
        ),
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(layouts.NAMES),
            callback=one_of(layouts.NAMES),
            help="Write the folder that another runtime opens, in place of a package: sherpa-onnx "
            "(as an Omnilingual CTC model), huggingface (optimum's ORTModelForCTC and "
            "transformers.js) or triton (a model repository).",
            rich_help_panel=_ARTIFACTS,
        ),
    ] = None,
    audio: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE_OR_DIR",
            help="Recordings to compare on and to keep in the package as golden clips; folders "
            "are searched. Repeat for several.",
            show_default="the short ones that voxport brings",
            rich_help_panel=_COMPARISON,
        ),
    ] = None,
) -> None:
    """Export a model with its decoder to one file: waveform in, text out.

    \b
    Examples:
      voxport export WAV2VEC2_ASR_BASE_960H -o build/base960h
      voxport export facebook/mms-1b-all:fra -o build/mms-french

    With --features, or without a head, it returns the outputs of the transformer's layers. A
    Hugging Face model that classifies or embeds is exported for that: voxport classify and embed
    run it.

    Every file is loaded again and compared with the source's eager model (torchaudio's or
    transformers') before the package is put in place; the result is in its manifest.json. A
    failed comparison writes nothing.

    With --layout, DIR is the folder of another runtime, made from the package and compared with
    it; the README.md in it says how to use it. MODEL may then be a package, of which nothing is
    exported again.

    \b
    More:
      voxport export facebook/wav2vec2-base-960h -o build/base --format onnx
      voxport export commands -o build/commands --precision fp32 --precision int8
      voxport export WAVLM_BASE_PLUS -o build/wavlm --features
      voxport export facebook/mms-lid-256 -o build/mms-lid
      voxport export ./my-model -o build/mine --audio recordings/
      voxport export build/base960h -o build/sherpa --layout sherpa-onnx
      voxport export facebook/wav2vec2-base-960h -o build/web --layout huggingface
    """
    import_torch_pair()
    try:
        from voxport_export.layouts.export import export_layout
        from voxport_export.package.export import Options, export_package
        from voxport_export.package.languages import export_languages
        from voxport_export.sources.languages import choose_languages
    except ImportError as error:
        raise MissingDependencyError(
            f'voxport export needs {error.name}: pip install "voxport[export,cpu]"'
        ) from error

    options = Options(
        formats=tuple(dict.fromkeys(formats)),
        precisions=tuple(dict.fromkeys(precisions)),
        features=features,
        audio=tuple(recordings(audio or [])),
        calibrate=tuple(recordings(calibrate or [])),
        max_cer=max_cer_loss / 100,
        force=force,
        allow_unused=allow_unused,
        blank=blank,
        normalize=normalize,
        language_model=not no_language_model,
    )
    with redirect_stdout(sys.stderr):  # torch.hub says on stdout what it downloads
        chosen = choose_languages(model, languages) if languages else []
        if len(chosen) == 1:
            model = f"{model}:{chosen[0]}"
        if len(chosen) > 1 and layout is not None:
            raise typer.BadParameter("--layout takes one --language")
        if len(chosen) > 1:
            _print_measurements(export_languages(model, chosen, output, options, step=_report_step))
        elif layout is None:
            _print_measurements(export_package(model, output, options, step=_report_step))
        else:
            _print_agreements(export_layout(model, output, layout, options, step=_report_step))
    print(output)


def _print_measurements(manifest: Manifest) -> None:
    """Print a package's measurements, and warnings, on stderr."""
    from voxport_export.package.emotion_notice import emotion_notice

    if emotion_notice(manifest.model):
        print(
            "note: the labels appear to be emotions, which the EU Artificial Intelligence Act has "
            "rules for: the package's README.md says which (not legal advice)",
            file=sys.stderr,
        )
    for note in manifest.model.notes:
        print(f"note: {note}", file=sys.stderr)
    if (gate := manifest.blank_gate) and gate.forced:
        from voxport_export.parity.blank_gate import blank_reason

        print(
            f"warning: the blank is not the most frequent label: {gate.share:.0%} of the frames "
            f"against {gate.rival_share:.0%} ({blank_reason(gate)})",
            file=sys.stderr,
        )
    if without := manifest.model.labels.count(""):
        print(
            f"warning: {without} of {len(manifest.model.labels)} outputs have no label in the "
            "model's vocabulary, and add nothing to a transcript",
            file=sys.stderr,
        )
    if unused := manifest.model.unused_weights:
        print(
            f"warning: {len(unused)} weights of the checkpoint were left out: "
            f"{', '.join(unused[:4])}{' …' if len(unused) > 4 else ''}",
            file=sys.stderr,
        )
    if words := manifest.language_model:
        print(
            f"{words.model.path}: the checkpoint's language model, "
            f"{sum(entry.bytes for entry in words.files) / 1e6:.1f} MB with its words; its licence "
            f"is taken to be the checkpoint's: {words.licence}",
            file=sys.stderr,
        )
    languages = (parity for one in manifest.languages for parity in one.parity)
    for parity in languages if manifest.languages else manifest.parity:
        print(
            f"{parity.artifact}: equal to {parity.reference} on {parity.clips} clips, "
            f"emissions within {parity.max_emission_difference:.1e}",
            file=sys.stderr,
        )
    for measured in manifest.features.parity if manifest.features else ():
        print(
            f"{measured.artifact}: every layer equal to {measured.reference} on {measured.clips} "
            f"clips, within {measured.max_difference:.1e}",
            file=sys.stderr,
        )
    for answers in manifest.head.parity if manifest.head else ():
        print(
            f"{answers.artifact}: equal to {answers.reference} on {answers.clips} clips, within "
            f"{answers.max_difference:.1e}",
            file=sys.stderr,
        )
    for gate in manifest.gates:
        speed = "" if gate.speed is None else f", {gate.speed:.2f} times as fast"
        print(
            f"{gate.artifact}: {gate.equal_transcripts:.1%} of {gate.clips} transcripts as fp32's, "
            f"CER {gate.cer:.2%}{speed}{' (forced)' if gate.forced else ''}",
            file=sys.stderr,
        )


def _print_agreements(agreements: Sequence[Agreement]) -> None:
    """Print the measurements of a layout's graphs on stderr."""
    for one in agreements:
        print(
            f"{one.path}: logits as the package's on {one.clips} recordings, within "
            f"{one.difference:.1e}",
            file=sys.stderr,
        )


@contextmanager
def _report_step(text: str) -> Iterator[None]:
    """Print a step on stderr, and the time it took."""
    print(f"{text} … ", end="", flush=True, file=sys.stderr)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", file=sys.stderr)
        raise
    print(f"{time.monotonic() - start:.1f} s", file=sys.stderr)
