"""Export Wav2Vec2, HuBERT and MMS models with their CTC decoder to ONNX and TorchScript.

``export_package`` writes a package; ``voxport.load`` runs it. The import is light: torch is
imported by the first export.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from os import PathLike

    from voxport.package.manifest import Manifest

__all__ = ["export_package"]


def export_package(
    model: str | PathLike[str],
    output: str | PathLike[str],
    *,
    formats: Sequence[Literal["onnx", "torchscript", "exported-program"]] = ("onnx", "torchscript"),
    precisions: Sequence[Literal["fp32", "int8", "fp16"]] = ("fp32",),
    features: bool = False,
    audio: Sequence[str | PathLike[str]] = (),
    calibrate: Sequence[str | PathLike[str]] = (),
    max_cer: float = 0.01,
    force: bool = False,
    allow_unused: bool = False,
    blank: str | None = None,
    normalize: bool | None = None,
    language_model: bool = True,
) -> Manifest:
    """Export a model to a package: a folder for ``voxport.load`` and other hosts.

    Every file is loaded again and compared with the eager model before the folder is put in place.

    Args:
        model: a bundle of ``torchaudio.pipelines`` (``"WAV2VEC2_ASR_BASE_960H"``), a shipped model
            (``"commands"``), a folder with ``config.json`` and ``weights.safetensors``, or a
            Hugging Face id or folder; after a colon, the language of an MMS model.
        output: the package's folder. An earlier package there is replaced at the very end; a folder
            with anything else in it is refused.
        formats: the kinds of artifact. torch calls TorchScript deprecated since 2.10, and does not
            support it from Python 3.14 on.
        precisions: ``"fp32"``, and for ONNX ``"int8"`` (CPUs) and ``"fp16"`` (CUDA).
        features: give the output of every transformer layer too; without a CTC head it is all there
            is.
        audio: recordings to compare on, kept in the package as golden clips; by default voxport's
            own short ones.
        calibrate: speech to calibrate int8 on, and to compare int8 and fp16 with fp32 on; by
            default the recordings of ``audio``.
        max_cer: the largest character error rate of int8 or fp16 against fp32, 0 to 1.
        force: write what a gate refuses: int8 or fp16 that loses more or is not faster, and a
            blank that is not the most frequent label, as with untrained weights. The manifest says
            so.
        allow_unused: leave out a checkpoint's unused weights, in place of a SourceError; the
            manifest lists them.
        blank: the label that is the CTC blank, or its index; by default as the model's files say.
        normalize: normalise the waveform of a Hugging Face checkpoint to mean 0 and variance 1 or
            not; by default as its files say.
        language_model: put the language model that a checkpoint brings into the package.

    Returns:
        The manifest as written: the model's facts, the artifacts, the measured parity.

    Raises:
        UnknownModelError: there is no such model.
        SourceError: the model cannot be read, or voxport does not export its kind.
        BlankError: another label than the blank is the most frequent one on the recordings.
        ParityError: a file differs from the eager model; no package is written.
        LowPrecisionError: int8 or fp16 loses too much, or is not faster.
        ExportError: the recordings or the destination are unfit.

    Examples:
        >>> import voxport, voxport_export
        >>> manifest = voxport_export.export_package("commands", "mine", formats=["onnx"])
        >>> [(parity.artifact, parity.equal_transcripts) for parity in manifest.parity]
        [('model.onnx', 1.0)]
        >>> clip = "mine/" + manifest.golden[0].path
        >>> voxport.load("mine").transcribe(clip).text == manifest.golden[0].transcript
        True
    """
    from voxport_export.torch_pair import import_torch_pair

    import_torch_pair()
    from voxport_export.package.export import Options
    from voxport_export.package.export import export_package as export

    options = Options(
        formats=tuple(dict.fromkeys(formats)),
        precisions=tuple(dict.fromkeys(precisions)),
        features=features,
        audio=tuple(map(Path, audio)),
        calibrate=tuple(map(Path, calibrate)),
        max_cer=max_cer,
        force=force,
        allow_unused=allow_unused,
        blank=blank,
        normalize=normalize,
        language_model=language_model,
    )
    return export(str(model), Path(output), options)
