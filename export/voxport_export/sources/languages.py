"""The languages of a checkpoint with an adapter and a vocabulary for each."""

from __future__ import annotations

from collections.abc import Sequence

from voxport_export.errors import SourceError
from voxport_export.sources.checkpoint import Checkpoint
from voxport_export.sources.ctc_tokenizer import check_language, languages
from voxport_export.sources.folder import PREFIX as FOLDER
from voxport_export.sources.huggingface import PREFIX as HUGGINGFACE

ALL = "all"


def choose_languages(model: str, wanted: Sequence[str]) -> list[str]:
    """Return the languages of a list of options: names, comma lists, or ``all``.

    Raises:
        SourceError: a language is not there, or the checkpoint has one only.
    """
    names = [name.strip() for item in wanted for name in item.split(",") if name.strip()]
    checkpoint = _checkpoint(model)
    known = languages(checkpoint)
    if not known:
        raise SourceError(f"{model}: has one language only; leave out --language")
    if ALL in names:
        return [name for name in known if _has_adapter(checkpoint, name)]
    for name in names:
        check_language(checkpoint, name)
    return list(dict.fromkeys(names))


def default_language(model: str) -> str | None:
    """Return the language that a checkpoint's tokenizer names, if any."""
    settings = _checkpoint(model).read_json("tokenizer_config.json") or {}
    default = settings.get("target_lang")
    return default if isinstance(default, str) else None


def _has_adapter(checkpoint: Checkpoint, language: str) -> bool:
    """Tell whether a folder has a language's adapter; of the hub all have one."""
    if not checkpoint.is_folder:
        return True
    endings = ("safetensors", "bin")
    return any(checkpoint.find(f"adapter.{language}.{ending}") for ending in endings)


def _checkpoint(model: str) -> Checkpoint:
    for prefix in (HUGGINGFACE, FOLDER):
        model = model.removeprefix(prefix)
    return Checkpoint(model)
