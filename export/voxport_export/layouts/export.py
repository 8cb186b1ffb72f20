"""Write a model as the folder of another runtime: its package first, then the layout of that."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from voxport.loading import choose_artifact
from voxport.package import integrity
from voxport.package.manifest import FILE_NAME, ONNX, Manifest, read_manifest
from voxport_export.errors import ExportError
from voxport_export.layouts import HUGGINGFACE, SHERPA_ONNX, TRITON, huggingface, sherpa, triton
from voxport_export.layouts.agreement import compare
from voxport_export.layouts.protocol import Agreement, Layout, Package
from voxport_export.package.card import write_card
from voxport_export.package.export import Job, Options, Step, prepare
from voxport_export.package.layout_record import write_record
from voxport_export.package.staging import check_destination, staged

_LAYOUTS: dict[str, Layout] = {SHERPA_ONNX: sherpa, HUGGINGFACE: huggingface, TRITON: triton}
_SCRATCH = ".package"  # where the package is while its layout is made


def export_layout(
    model: str,
    output: Path,
    layout: str,
    options: Options,
    step: Step = lambda _: nullcontext(),
) -> list[Agreement]:
    """Export ``model`` to ``output`` as the folder that another runtime opens.

    Args:
        model: what ``export_package`` takes, or the folder of a package that it wrote.
        output: the folder; an earlier layout there is replaced at the very end.
        layout: one of ``layouts.NAMES``.
        options: which precisions, and how to export a model that is not a package yet.
        step: as in ``export_package``.

    Returns:
        How near each graph that had to be changed is to the package's.

    Raises:
        VoxportError: what ``export_package`` refuses, a model that the other runtime cannot
            represent, or a graph that does not answer as the package's; nothing is written then.
    """
    check_destination(output)
    if ONNX not in options.formats:
        raise ExportError(f"{layout} runs ONNX only: leave --format out or add onnx")
    options = replace(options, formats=(ONNX,))
    source: Path | Job = Path(model)
    if not (source / FILE_NAME).is_file():
        source = prepare(model, options, step)
    with staged(output) as folder:
        package = _package(source, folder / _SCRATCH, options)
        with step(f"Writing what {layout} reads"):
            adapted = _LAYOUTS[layout].write(package, folder)
        agreements = []
        for one in adapted:
            with step(f"Reloading {one.path.name} and comparing it with the package's"):
                agreements.append(compare(one, package))
        _write_cards(_LAYOUTS[layout], package, agreements, folder)
        shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
        write_record(folder, layout, package.manifest, agreements)
    return agreements


def _package(source: Path | Job, scratch: Path, options: Options) -> Package:
    """The package to make the layout of: one that is there, its files checked, or a new one."""
    if isinstance(source, Job):
        scratch.mkdir()
        folder, manifest = scratch, source.write(scratch)
    else:
        folder, manifest = source, _checked(source, options)
    artifacts = (choose_artifact(folder, manifest, ONNX, name) for name in options.precisions)
    return Package(folder, manifest, tuple(artifacts))


def _checked(folder: Path, options: Options) -> Manifest:
    """The manifest of a package whose files are as they were written."""
    for name in ("features", "audio", "calibrate", "force"):
        if getattr(options, name):
            raise ExportError(f"{folder}: a package already: --{name} has no effect on it")
    manifest = read_manifest(folder)
    for entry in manifest.entries():
        integrity.check(folder, entry)
    if not manifest.golden and manifest.model.transcribes:
        raise ExportError(f"{folder}: the package holds no golden clips to compare a layout on")
    return manifest


def _write_cards(
    layout: Layout, package: Package, agreements: Sequence[Agreement], folder: Path
) -> None:
    found = "".join(
        f"\n`{one.path}` of this folder was given {one.clips} recordings as its client gives them, "
        f"one of them far quieter and one with an offset: its logits are within "
        f"{one.difference:.1e} of that file's (allowed {one.tolerance:.1e}).\n"
        for one in agreements
    )
    text = write_card(package.manifest, found, layout.usage(package))
    for path in layout.cards(package, folder):
        path.write_text(text, encoding="utf-8", newline="\n")
