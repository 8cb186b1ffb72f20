"""Resolution of a MODEL argument, or of a manifest's ``source``, to a loaded model."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

from voxport.errors import UnknownModelError
from voxport.package.manifest import FILE_NAME
from voxport_export.errors import SourceError
from voxport_export.sources import bundle, folder, huggingface, omnilingual, shipped
from voxport_export.sources.overrides import NO_OVERRIDES, Overrides, blank_note, find_label
from voxport_export.sources.source import Source


def resolve(model: str, allow_unused: bool = False, overrides: Overrides = NO_OVERRIDES) -> Source:
    """Load a model by its name.

    Args:
        model: a bundle of ``torchaudio.pipelines``, a shipped model, a folder (voxport's own
            format or Hugging Face's), or a Hugging Face id, in this order; or any of these as
            a manifest writes it, with its kind before a colon. A Hugging Face id or folder may
            end in a colon and a language.
        allow_unused: leave out a checkpoint's unused weights; otherwise they are an error.
        overrides: the blank and the normalisation, where the caller states them.

    Raises:
        SourceError: the model is known, but cannot be loaded, or has no such blank.
        UnknownModelError: there is no such model; the message names the nearest.
    """
    for prefix, load in _LOADERS.items():
        if model.startswith(prefix):
            return load(model.removeprefix(prefix), allow_unused, overrides)
    if model in bundle.bundles() or model in bundle.backbones():
        return _from_bundle(model, allow_unused, overrides)
    if model in shipped.names():
        return _from_shipped(model, allow_unused, overrides)
    path = Path(model)
    if path.is_dir():
        return _from_folder(path, allow_unused, overrides)
    if path.exists():
        raise SourceError(f"{model}: a file; expected a folder with config.json and its weights")
    place = model.rpartition(":")[0]
    # An owner and a name, as on the hub, and not the start of a path
    on_the_hub = model.count("/") == 1 and not model.startswith((".", "/", "~"))
    if on_the_hub and path.parent.is_dir():
        raise SourceError(
            f"{model}: there is no such folder in {path.parent}; if a Hugging Face id is meant, "
            f"write {huggingface.PREFIX}{model}"
        )
    if on_the_hub or (place and Path(place).is_dir()):
        return _from_huggingface(model, allow_unused, overrides)
    raise _unknown(model)


def _from_bundle(name: str, allow_unused: bool, overrides: Overrides) -> Source:
    return _with_blank(bundle.load_bundle(name, allow_unused), overrides)


def _from_shipped(name: str, allow_unused: bool, overrides: Overrides) -> Source:
    return _with_blank(shipped.load_shipped(name, allow_unused), overrides)


def _with_blank(source: Source, overrides: Overrides) -> Source:
    """Replace the blank of a source that states its normalisation itself."""
    if overrides.normalize is not None:
        raise SourceError(
            f"{source.name}: its own files state the normalisation: --normalize and --no-normalize "
            "are for Hugging Face checkpoints"
        )
    if overrides.blank is None:
        return source
    if not source.transcribes:
        raise SourceError(f"{source.name}: --blank has no effect: the model has no CTC head")
    index = find_label(source.name, source.labels, overrides.blank)
    return replace(source, blank=index, notes=(*source.notes, blank_note(source.labels, index)))


def _from_folder(path: Path, allow_unused: bool, overrides: Overrides) -> Source:
    config = folder.read_config(path)
    if huggingface.is_huggingface_folder(config):
        return huggingface.load_huggingface(str(path), None, allow_unused, overrides)
    if (path / FILE_NAME).is_file():
        raise SourceError(
            f"{path}: this is an exported package already, not a model to export; it can be made "
            "the folder of another runtime with --layout"
        )
    if omnilingual.is_omnilingual_folder(path):
        return _with_blank(omnilingual.load_omnilingual(path, allow_unused), overrides)
    if not (path / "config.json").exists():
        raise SourceError(
            f"{path}: no config.json; expected it with weights.safetensors, or a Hugging Face model"
        )
    if "format" not in config:
        raise SourceError(
            f"{path / 'config.json'}: has neither the field 'format', as voxport's own has, nor "
            "'model_type', as a Hugging Face model's has"
        )
    return _with_blank(folder.load_folder(path, allow_unused=allow_unused), overrides)


def _from_huggingface(model: str, allow_unused: bool, overrides: Overrides) -> Source:
    place, _, language = model.rpartition(":")
    if place and "/" not in language:
        return huggingface.load_huggingface(place, language, allow_unused, overrides)
    return huggingface.load_huggingface(model, None, allow_unused, overrides)


def _from_folder_name(path: str, allow_unused: bool, overrides: Overrides) -> Source:
    if Path(path).is_dir():
        return _from_folder(Path(path), allow_unused, overrides)
    place, _, language = path.rpartition(":")
    if place and Path(place).is_dir():
        return huggingface.load_huggingface(place, language, allow_unused, overrides)
    raise SourceError(
        f"{path}: the folder that the model came from is not here; paths are as they were "
        "given to voxport export: run this from the same folder"
    )


def _unknown(model: str) -> UnknownModelError:
    known = [*shipped.names(), *bundle.bundles(), *bundle.backbones()]
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(model.casefold(), folded, n=3, cutoff=0.75)
    hint = ", ".join(folded[name] for name in near) or ", ".join(known)
    return UnknownModelError(
        f"{model}: no such model or folder; {'nearest' if near else 'known'} names: {hint}. "
        "A Hugging Face id is written owner/name"
    )


_LOADERS = {
    bundle.PREFIX: _from_bundle,
    shipped.PREFIX: _from_shipped,
    folder.PREFIX: _from_folder_name,
    huggingface.PREFIX: _from_huggingface,
}
