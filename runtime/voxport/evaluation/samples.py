"""Samples of a test set: a recording, its reference text and, where known, its speaker.

Reads manifests in JSON lines and CSV, folders with a ``.txt`` beside each recording, and Hugging
Face datasets on disk. Rows that cannot be scored come out as ``BadRow``: they are counted, never
dropped. Decodes no audio and knows no model.
"""

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from voxport.audio.files import audio_files
from voxport.errors import InputError, accessing
from voxport.evaluation import hub_dataset

# Names of fields, the first of a row is taken: those of the Open ASR Leaderboard, NeMo,
# Common Voice and voxport's own output
AUDIO_FIELDS = ("audio", "audio_filepath", "audio_path", "path", "file", "file_name", "filename")
TEXT_FIELDS = ("text", "sentence", "normalized_text", "transcript", "transcription", "reference")
SPEAKER_FIELDS = ("speaker", "speaker_id", "client_id")
_JSON_LINES = (".jsonl", ".json", ".ndjson")
_TABLES = (".csv", ".tsv")
# What the leaderboard's references say of audio without a transcript
_UNSCORED_TEXT = "ignore time segment in scoring"


@dataclass(frozen=True)
class Sample:
    """A recording, or a part of one, and its reference text."""

    name: str  # as the manifest writes it; of a dataset, "row 3"
    audio: Path | bytes
    text: str
    speaker: str | None = None
    start: float = 0.0  # seconds
    end: float | None = None  # seconds; None: to the recording's end


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be scored, and the reason."""

    name: str
    reason: str


Row: TypeAlias = Sample | BadRow


@dataclass(frozen=True)
class SampleSet:
    """The rows of a manifest, read anew at each iteration."""

    path: Path
    split: str | None = None  # of a dataset with several
    audio_folder: Path | None = None  # relative paths start here; None: beside the manifest

    @property
    def name(self) -> str:
        """Name of the test set: the manifest's, or its folder's where it is just "manifest"."""
        stem = self.path.resolve().stem
        generic = stem in ("manifest", "metadata", "test", "dev", "validation")
        return f"{self.path.resolve().parent.name}/{stem}" if generic else stem

    def __iter__(self) -> Iterator[Row]:
        if self.path.is_dir():
            if hub_dataset.is_dataset(self.path):
                return self._dataset_rows()
            return _folder_rows(self.path)
        if not self.path.exists():
            raise InputError("there is no such manifest", self.path)
        ending = self.path.suffix.lower()
        if ending in _JSON_LINES:
            return self._rows(_json_lines(self.path))
        if ending in _TABLES:
            return self._rows(_table_rows(self.path))
        raise InputError(
            f"expected a manifest ({', '.join((*_JSON_LINES, *_TABLES))}), a folder of recordings "
            "with a .txt beside each, or a Hugging Face dataset that save_to_disk wrote",
            self.path,
        )

    def _rows(self, rows: Iterator[tuple[str, Mapping[str, Any] | str]]) -> Iterator[Row]:
        folder = self.audio_folder or self.path.parent
        for where, row in rows:
            yield BadRow(where, row) if isinstance(row, str) else _parse_row(where, row, folder)

    def _dataset_rows(self) -> Iterator[Row]:
        folder = self.audio_folder or self.path
        for number, row in enumerate(hub_dataset.read_rows(self.path, self.split)):
            yield _parse_row(f"row {number}", row, folder)


def _json_lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any] | str]]:
    """Yield each line's object with its place, or the reason why it is none."""
    with accessing(path, InputError), path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path.name}:{number}"
            try:
                row: Any = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield where, f"not JSON: {error}"
                continue
            is_object = isinstance(row, dict)
            yield where, (cast("dict[str, Any]", row) if is_object else "not a JSON object")


def _table_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any] | str]]:
    with accessing(path, InputError), path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        if path.suffix.lower() == ".tsv":
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        else:
            delimiter = ";" if head.count(";") > head.count(",") else ","
            rows = csv.DictReader(file, delimiter=delimiter)
        try:
            for row in rows:
                where = f"{path.name}:{rows.line_num}"
                if None in row or None in row.values():
                    yield where, "has another number of cells than the header"
                else:
                    yield where, row
        except csv.Error as error:
            yield f"{path.name}:{rows.line_num}", f"not a table: {error}"


def _folder_rows(folder: Path) -> Iterator[Row]:
    """Yield the recordings of a folder, and the texts without one."""
    texts = {path.with_suffix("") for path in folder.rglob("*.txt")}
    for path in audio_files(folder):
        name = path.relative_to(folder).as_posix()
        beside = path.with_suffix(".txt")
        texts.discard(path.with_suffix(""))
        try:
            text = " ".join(beside.read_text(encoding="utf-8-sig").split())
        except FileNotFoundError:
            yield BadRow(name, f"there is no {beside.name} beside it")
        except (OSError, ValueError) as error:
            yield BadRow(name, f"{beside.name} cannot be read: {error}")
        else:
            yield Sample(name, path, text)
    for path in sorted(texts):
        yield BadRow(
            f"{path.relative_to(folder).as_posix()}.txt", "there is no recording beside it"
        )


def _parse_row(where: str, row: Mapping[str, Any], folder: Path) -> Row:
    found = _first(row, AUDIO_FIELDS)
    if found is None:
        return BadRow(where, f"names no audio: expected a field {' or '.join(AUDIO_FIELDS)}")
    name, audio = _audio_of(where, found, folder)
    if audio is None:
        return BadRow(where, f"the audio is {str(found)[:60]!r}: expected a path")
    text = _first(row, TEXT_FIELDS)
    if not isinstance(text, str):
        return BadRow(name, f"has no reference text: expected a field {' or '.join(TEXT_FIELDS)}")
    if text.strip() == _UNSCORED_TEXT:
        return BadRow(name, f"its reference is {_UNSCORED_TEXT!r}")
    try:
        start, end = _span(row)
    except (TypeError, ValueError):
        return BadRow(name, "start and end must be seconds, the end after the start")
    speaker = _first(row, SPEAKER_FIELDS)
    speaker = None if speaker in (None, "") else str(speaker)
    return Sample(name, audio, text, speaker, start, end)


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _audio_of(where: str, found: Any, folder: Path) -> tuple[str, Path | bytes | None]:
    """Return the name and the audio of a field: a path, or a dataset's path and bytes."""
    if isinstance(found, str) and found and "\0" not in found:
        return found, folder / found
    if isinstance(found, Mapping):
        fields = cast("Mapping[str, Any]", found)
        path, content = fields.get("path"), fields.get("bytes")
        name = os.path.basename(path) if isinstance(path, str) and path else where  # noqa: PTH119
        if isinstance(content, bytes):
            return name, content
        if isinstance(path, str) and path:
            return name, folder / path
    return where, None


def _span(row: Mapping[str, Any]) -> tuple[float, float | None]:
    """Return start and end of a row's part of its recording; NeMo writes offset and duration."""
    start = _first(row, ("start", "offset"))
    if start in (None, "") and row.get("end") in (None, ""):
        return 0.0, None
    first = float(start or 0)
    if row.get("end") not in (None, ""):
        last = float(row["end"])
    elif row.get("duration") not in (None, ""):
        last = first + float(row["duration"])
    else:
        last = math.inf
    if not 0 <= first < last:
        raise ValueError
    return first, None if last == math.inf else last
