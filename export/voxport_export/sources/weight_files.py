"""A look at the weights of a Hugging Face folder before transformers opens them.

Damaged, missing and foreign files are refused by name. Pickles are opened by torch's restricted
unpickler only, which builds tensors and runs no code.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from voxport_export.errors import SourceError
from voxport_export.sources.checkpoint import WEIGHTS, Checkpoint

_INDEX = ".index.json"
_MAX_HEADER_BYTES = 100_000_000  # of a safetensors file, by its format


def check_weight_files(checkpoint: Checkpoint) -> None:
    """Check the files that transformers would load.

    Raises:
        SourceError: a file is missing, damaged, outside the folder, or holds more than weights.
    """
    name = next((name for name in WEIGHTS if checkpoint.find(name) is not None), None)
    if name is None or not checkpoint.is_folder:
        return
    folder = Path(checkpoint.model_id)
    shards = _read_index(checkpoint, name) if name.endswith(_INDEX) else [name]
    for shard in shards:
        path = folder / shard
        if not path.is_file():
            raise SourceError(f"{path}: there is no such file, and {name} lists it")
        if shard.endswith(".safetensors"):
            _check_safetensors(path)
        else:
            _check_pickle(path)


def _read_index(checkpoint: Checkpoint, name: str) -> list[str]:
    """Return the shards of an index."""
    listed = checkpoint.require_json(name, "which lists the weights").get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise SourceError(f"{checkpoint.model_id}: {name}: weight_map lists no weights")
    shards = sorted({str(shard) for shard in listed.values()})
    for shard in shards:
        if shard != Path(shard).name or "\\" in shard or shard in (".", ".."):
            raise SourceError(
                f"{checkpoint.model_id}: {name} names the file {shard!r}, which is not one of the "
                "folder's own: expected plain file names"
            )
    return shards


def _check_safetensors(path: Path) -> None:
    """Compare the size of a file with the one that its header states."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_MAX_HEADER_BYTES, size - 8):
                raise ValueError("its header is cut off")  # noqa: TRY301
            header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for entry in _tensors(header)]
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise SourceError(
            f"{path}: not a whole safetensors file: {error}; copy it again"
        ) from error
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        raise SourceError(
            f"{path}: not a whole safetensors file: it has {size} bytes, and its header lists "
            f"weights up to {expected}; copy it again"
        )


def _tensors(header: Any) -> Iterator[dict[str, Any]]:
    return (entry for name, entry in header.items() if name != "__metadata__")


def _check_pickle(path: Path) -> None:
    """Open a file of ``torch.save`` as transformers does: tensors only."""
    try:
        # Memory is mapped, so that nothing is read twice; older files than zip cannot be.
        torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # a damaged or hostile file can fail in any way
        text = " ".join(str(error).split())
        if "Weights only load failed" in text or "Unsupported" in text:
            reason = text.partition("WeightsUnpickler error: ")[2] or text
            raise SourceError(
                f"{path}: holds more than weights, and a pickle can run code of its author, so it "
                f"is not opened: {_shortened(reason)}"
            ) from error
        raise SourceError(
            f"{path}: not a whole file of weights: {_shortened(text)}; copy it again"
        ) from error


def _shortened(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"
