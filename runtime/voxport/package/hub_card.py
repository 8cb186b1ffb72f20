"""The Hugging Face Hub's metadata of a package, in the front matter of its card.

Knows YAML only where it is asked to write; PyYAML comes with ``huggingface_hub``.
"""

import re
from typing import Any, cast

from voxport.optional_import import import_optional
from voxport.package.hub_cache import INSTALL
from voxport.package.manifest import CLASSIFICATION, EMBEDDING, FRAMES, Manifest

LIBRARY = "voxport"

_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)^---\r?\n", re.DOTALL | re.MULTILINE)
_PIPELINES = {CLASSIFICATION: "audio-classification", FRAMES: "voice-activity-detection"}

# Licences under the Hub's own identifiers; another is "other" with its name beside it.
_LICENCES = {
    "afl-3.0", "agpl-3.0", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc", "cc0-1.0",
    "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "epl-2.0", "gpl-2.0", "gpl-3.0", "isc",
    "lgpl-2.1", "lgpl-3.0", "mit", "mpl-2.0", "openrail", "unknown", "unlicense", "wtfpl", "zlib",
}  # fmt: skip


def add_metadata(card: str, manifest: Manifest, licence: str | None = None) -> str:
    """Return a card with the Hub's metadata in front; what it has of it already is kept.

    Args:
        card: the text of the package's README.md. Its front matter may hold a ``model-index`` with
            measured error rates, and tags.
        manifest: the package's.
        licence: in place of the manifest's.
    """
    yaml = import_optional("yaml", "the metadata of a card needs PyYAML", INSTALL)
    match = _FRONT_MATTER.match(card)
    found: Any = yaml.safe_load(match[1]) if match else {}
    old = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    body = card[match.end() :] if match else card
    fields = {**old, **_metadata(manifest, licence)}
    tags = cast("list[str]", old["tags"]) if isinstance(old.get("tags"), list) else []
    fields["tags"] = list(dict.fromkeys([*tags, *_tags(manifest)]))
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n{body if body.startswith(chr(10)) else chr(10) + body}"


def has_metadata(card: str) -> bool:
    """Tell whether a card says that its library is voxport."""
    match = _FRONT_MATTER.match(card)
    return match is not None and f"library_name: {LIBRARY}\n" in match[1]


def _metadata(manifest: Manifest, licence: str | None) -> dict[str, Any]:
    name = licence or manifest.model.licence
    known = name.lower() if name.lower() in _LICENCES else None
    fields: dict[str, Any] = {"license": known or "other"}
    if known is None:
        fields["license_name"] = name
    fields |= {"library_name": LIBRARY, "pipeline_tag": _pipeline(manifest)}
    if manifest.languages:
        fields["language"] = [one.language for one in manifest.languages]
    return fields


def _pipeline(manifest: Manifest) -> str:
    if manifest.model.transcribes:
        return "automatic-speech-recognition"
    return _PIPELINES.get(manifest.model.task, "feature-extraction")


def _tags(manifest: Manifest) -> list[str]:
    kinds = [artifact.kind for artifact in manifest.artifacts]
    tags = [LIBRARY, *kinds, *(one.precision for one in manifest.artifacts), "speech"]
    if manifest.model.transcribes:
        tags.append("ctc")
    if manifest.model.task == EMBEDDING:
        tags.append("speaker-embedding")
    return tags
