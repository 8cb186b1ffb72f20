"""Page of the measurements of a folder: ``serving.md`` from its JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_COLUMNS = {
    "clients": "clients",
    "share": "share of full",
    "offered_audio_seconds_per_second": "offered, s of audio a second",
    "audio_seconds_per_second": "done, s of audio a second",
    "share_of_offline": "share of `transcribe`",
    "p50_s": "p50, s",
    "p95_s": "p95, s",
    "p99_s": "p99, s",
    "within_allowance": "within the allowance",
    "excess_p99_s": "p99 beyond alone, s",
    "batch_rows": "clips a batch",
    "batch_fill": "batch fill",
    "statuses": "statuses",
}


def write(folder: Path) -> Path:
    """Write the page of a folder and return its path."""
    parts = ["# Serving\n"]
    for path in sorted(folder.glob("serving-*.json")):
        result: dict[str, Any] = json.loads(path.read_text("utf-8"))
        machine, found = result["machine"], result["found"]
        parts.append(f"\n## {result['measurement']}: {result['package']}\n\n")
        parts.append(f"{machine['cpu']}, {machine['cores']} cores; {result['command']}\n\n")
        rows = found.pop("rows", None) or [found]
        facts = {
            key: value
            for key, value in found.items()
            if key not in _COLUMNS and not isinstance(value, list)
        }
        parts += [f"- {key.replace('_', ' ')}: {value}\n" for key, value in facts.items()]
        parts += [f"- {note}\n" for note in found.get("notes", [])]
        shown = [key for key in _COLUMNS if any(key in row for row in rows)]
        parts.append("\n| " + " | ".join(_COLUMNS[key] for key in shown) + " |\n")
        parts.append("|" + "---|" * len(shown) + "\n")
        for row in rows:
            parts.append("| " + " | ".join(_show(row.get(key)) for key in shown) + " |\n")
    page = folder / "serving.md"
    page.write_text("".join(parts), "utf-8")
    return page


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} of {status}" for status, count in value.items())
    return "" if value is None else str(value)
