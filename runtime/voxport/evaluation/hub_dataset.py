"""Hugging Face datasets on disk, as ``save_to_disk`` writes them.

The only module to know the ``datasets`` library. Audio stays as it is stored, bytes or a path: this
project's own reader decodes it, with its own refusals.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from voxport.errors import InputError
from voxport.optional_import import import_optional

_ONE, _SEVERAL = "state.json", "dataset_dict.json"
_INSTALL = 'pip install "voxport[evaluate,datasets]"'


def is_dataset(folder: Path) -> bool:
    """Tell whether a folder holds a dataset, or a dictionary of its splits."""
    return (folder / _ONE).is_file() or (folder / _SEVERAL).is_file()


def read_rows(folder: Path, split: str | None) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a dataset; a column of audio has a path and bytes."""
    datasets = import_optional("datasets", "a dataset on disk needs datasets", _INSTALL)
    try:
        loaded: Any = datasets.load_from_disk(str(folder))
    except Exception as error:
        raise InputError(f"is no dataset that can be read: {error}", folder) from None
    if isinstance(loaded, dict):
        loaded = _choose_split(folder, loaded, split)
    elif split is not None:
        raise InputError(f"has no splits, and --split names {split!r}", folder)
    for name, feature in loaded.features.items():
        if isinstance(feature, datasets.Audio):
            loaded = loaded.cast_column(name, datasets.Audio(decode=False))
            if name != "audio" and "audio" not in loaded.column_names:
                loaded = loaded.rename_column(name, "audio")
    yield from loaded


def _choose_split(folder: Path, splits: Any, split: str | None) -> Any:
    names = ", ".join(splits)
    if split is None and len(splits) > 1:
        raise InputError(f"has the splits {names}: name one with --split", folder)
    name = next(iter(splits)) if split is None else split
    if name not in splits:
        raise InputError(f"has no split {name!r}, only {names}", folder)
    return splits[name]
