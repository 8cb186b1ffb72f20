"""Export of a model to another runtime's folder: first its package, then the layout."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

from voxport.package import integrity
from voxport.package.artifact_choice import choose_artifact
from voxport.package.manifest import FILE_NAME, ONNX, TRANSCRIPTION, Manifest
from voxport.package.read_manifest import read_manifest
from voxport_export.errors import ExportError
from voxport_export.layouts import HUGGINGFACE, SHERPA_ONNX, TRITON, huggingface, sherpa, triton
from voxport_export.layouts.agreement import compare_with_package
from voxport_export.layouts.protocol import Agreement, Layout, LayoutSource
from voxport_export.package.card import write_card
from voxport_export.package.export import (
    Options,
    PackageWriter,
    ProgressStep,
    WrittenPackage,
    prepare_package,
)
from voxport_export.package.layout_record import write_record
from voxport_export.package.staging import check_destination, staged

_LAYOUTS: dict[str, Layout] = {SHERPA_ONNX: sherpa, HUGGINGFACE: huggingface, TRITON: triton}
_SCRATCH = ".package"  # holds the package while its layout is made


def export_layout(
    model: str,
    output: Path,
    layout: str,
    options: Options,
    step: ProgressStep = lambda _: nullcontext(),
) -> list[Agreement]:
    """Export ``model`` to the folder ``output`` in another runtime's layout.

    Args:
        model: as for ``export_package``, or the folder of a package.
        output: the folder; an earlier layout there is replaced at the very end.
        layout: one of ``layouts.NAMES``.
        options: precisions, and all other options if the model is not a package yet.
        step: as in ``export_package``.

    Returns:
        The agreement of each changed graph with the package's.

    Raises:
        VoxportError: ``export_package`` refuses it, the other runtime cannot represent the
            model, or a graph differs from the package's; nothing is written then.
    """
    check_destination(output)
    if ONNX not in options.formats:
        raise ExportError(f"{layout} runs ONNX only: leave --format out or add onnx")
    options = replace(options, formats=(ONNX,), language_model=False)
    source: Path | PackageWriter = Path(model)
    if not (source / FILE_NAME).is_file():
        source = prepare_package(model, options, step)
        _refuse_other_tasks(source.source.name, source.source.task, layout)
    with staged(output) as folder:
        package, written = _make_package(source, folder / _SCRATCH, options)
        with step(f"Writing the files of {layout}"):
            graphs = _LAYOUTS[layout].write_files(package, folder)
        agreements = []
        for one in graphs:
            with step(f"Reloading {one.path.name} and comparing it with the package's"):
                agreements.append(compare_with_package(one, package))
        _write_cards(_LAYOUTS[layout], package, agreements, folder)
        shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
        write_record(
            folder,
            layout,
            package.manifest.created_by,
            asdict(package.manifest.model),
            [asdict(one) for one in agreements],
        )
    written.raise_refusals(output)
    return agreements


def _make_package(
    source: Path | PackageWriter, scratch: Path, options: Options
) -> tuple[LayoutSource, WrittenPackage]:
    """Write a new package into ``scratch``, or check the files of an existing one."""
    if isinstance(source, PackageWriter):
        scratch.mkdir()
        folder, written = scratch, source.write(scratch)
    else:
        folder, written = source, WrittenPackage(_check_package(source, options))
    manifest, names = written.manifest, options.precisions
    if written.refusals:
        names = [one.precision for one in manifest.artifacts]
    artifacts = (choose_artifact(folder, manifest, ONNX, name) for name in names)
    return LayoutSource(folder, manifest, tuple(artifacts)), written


def _check_package(folder: Path, options: Options) -> Manifest:
    """Read the manifest of an existing package and check its files against it."""
    for name in ("features", "audio", "calibrate", "force", "allow_unused", "blank", "normalize"):
        if getattr(options, name) not in (None, False, ()):
            raise ExportError(
                f"{folder}: a package already: --{name.replace('_', '-')} has no effect on it"
            )
    manifest = read_manifest(folder)
    _refuse_other_tasks(str(folder), manifest.model.task)
    for entry in manifest.entries():
        integrity.check_file(folder, entry)
    if not manifest.golden and manifest.model.transcribes:
        raise ExportError(f"{folder}: the package holds no golden clips to compare a layout on")
    return manifest


def _refuse_other_tasks(name: str, task: str, layout: str = "a layout") -> None:
    if task != TRANSCRIPTION:
        raise ExportError(
            f"{name}: is a model for {task}, and {layout} is for transcripts and features: "
            "export a package (leave --layout out)"
        )


def _write_cards(
    layout: Layout, package: LayoutSource, agreements: Sequence[Agreement], folder: Path
) -> None:
    found = "".join(
        f"\n`{one.path}` of this folder was given {one.clips} recordings as its client gives them, "
        f"one of them far quieter and one with an offset: its logits are within "
        f"{one.difference:.1e} of that file's (allowed {one.tolerance:.1e}).\n"
        for one in agreements
    )
    text = write_card(package.manifest, found, layout.usage_section(package))
    for path in layout.card_paths(package, folder):
        path.write_text(text, encoding="utf-8", newline="\n")
