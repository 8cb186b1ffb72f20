"""Files of a Hugging Face checkpoint, in a folder or on the hub, read without transformers.

Only JSON and text are read here, and nothing of a checkpoint is ever run. Knows nothing of the
files' meaning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from voxport.errors import MissingDependencyError
from voxport_export.errors import SourceError

CONFIG = "config.json"
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
# Files with a field `auto_map` when a checkpoint brings Python of its own
_MAY_NAME_CODE = (
    CONFIG,
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint by its folder or its id on the hub."""

    model_id: str  # a folder, or ``owner/name``

    @property
    def is_folder(self) -> bool:
        """True for a folder on this machine."""
        return Path(self.model_id).is_dir()

    def find(self, name: str) -> Path | None:
        """Return the path of a file, downloaded if need be; None if the checkpoint has none."""
        if not self.is_folder:
            return _download(self.model_id, name)
        path = Path(self.model_id) / name
        return path if path.exists() else None

    def list_folder(self, name: str) -> list[Path]:
        """List the files in a folder of the checkpoint, downloaded if need be; hidden ones not."""
        folder = (
            Path(self.model_id) / name if self.is_folder else _download_folder(self.model_id, name)
        )
        if folder is None or not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__")))

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read a JSON object; None if the checkpoint has no such file.

        Raises:
            SourceError: the file cannot be read, or is no JSON object.
        """
        path = self.find(name)
        if path is None:
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SourceError(
                f"{self.model_id}: {name} cannot be read: {error.strerror}"
            ) from error
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{self.model_id}: {name} is not JSON: {error}") from error
        if not isinstance(content, dict):
            kind = type(content).__name__
            raise SourceError(f"{self.model_id}: {name} holds a {kind}, expected an object")
        return cast("dict[str, Any]", content)

    def require_json(self, name: str, purpose: str) -> dict[str, Any]:
        """Read a required JSON object; ``purpose`` completes the message of its absence."""
        content = self.read_json(name)
        if content is None:
            raise SourceError(f"{self.model_id}: there is no {name} in it, {purpose}")
        return content

    def refuse_code(self) -> None:
        """Refuse a checkpoint with Python of its own; nothing of it has run by then."""
        for name in _MAY_NAME_CODE:
            if (self.read_json(name) or {}).get("auto_map"):
                raise SourceError(
                    f"{self.model_id}: {name} names Python code of the checkpoint's own "
                    "('auto_map'), which voxport never runs: only models that transformers itself "
                    "implements are exported"
                )

    def check_weights(self) -> None:
        """Refuse a folder without weights."""
        if self.is_folder and not any(self.find(name) for name in WEIGHTS):
            raise SourceError(
                f"{self.model_id}: there are no weights in it; expected {WEIGHTS[0]} or "
                f"{WEIGHTS[2]}"
            )

    def read_licence(self) -> str:
        """Read the licence from the header of the model card."""
        try:
            path = self.find("README.md")
            text = "" if path is None else path.read_text(encoding="utf-8", errors="replace")
        except (OSError, SourceError):
            text = ""
        header = text.split("---")[1] if text.startswith("---") and text.count("---") > 1 else ""
        for line in header.splitlines():
            if line.startswith("license:"):
                return line.removeprefix("license:").strip().strip("\"'") or self._unstated
        return self._unstated

    @property
    def _unstated(self) -> str:
        place = "the folder " if self.is_folder else ""
        return f"not stated in the model card of {place}{self.model_id}"


def _download(model_id: str, name: str) -> Path | None:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingDependencyError(
            'a Hugging Face model needs transformers: pip install "voxport[export,huggingface]"'
        ) from error

    try:
        return Path(hf_hub_download(model_id, name))
    except LocalEntryNotFoundError as error:
        if name != CONFIG:  # the cache holds a model without this file
            return None
        raise SourceError(
            f"{model_id}: there is no such folder, and a model of this id is neither in the cache "
            "of the Hugging Face hub nor can it be downloaded; connect, or copy it there"
        ) from error
    except EntryNotFoundError:
        return None
    except Exception as error:  # no such model, no access, no network: one error each
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SourceError(
            f"{model_id}: there is no such folder, and the Hugging Face hub gives no model of this "
            f"id: {reason}"
        ) from error


def _download_folder(model_id: str, name: str) -> Path | None:
    """Return the path of a folder of a model on the hub; None if it has none or cannot be had."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model_id, allow_patterns=[f"{name}/*"])) / name
    except Exception as error:
        raise SourceError(
            f"{model_id}: the Hugging Face hub gives no list of its files: {type(error).__name__}"
        ) from error
