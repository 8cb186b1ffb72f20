"""Results of a batch: a file a partition, whole or absent, here or on an object store.

A partition's file has a name made of its recordings' ids: the same work done twice (a lost node, a
killed process) ends in the same file. On a local disk it is renamed into place; an object store
shows an object when all of it is there, so nothing is renamed on one.
"""

import hashlib
import io
import json
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from voxport.batch.items import INSTALL, file_system, is_local
from voxport.errors import OutputError
from voxport.optional_import import import_optional
from voxport.results.safe_file import replace_file
from voxport.transcript.formats import json_line

FORMATS = ("parquet", "jsonl")
JOB = "_voxport_batch.json"  # readers of Parquet folders leave out names with an underscore

Row = dict[str, Any]


class BatchStore:
    """The folder of results of one job."""

    def __init__(self, place: str, form: str) -> None:
        self.place, self.form = place, form
        self._system, root = file_system(place)
        self._root = root.rstrip("/")

    def open_job(self, settings: str) -> None:
        """Start or resume a job; results of other settings or another format are not mixed in.

        Raises:
            OutputError: the folder holds another job's results, or cannot be written.
        """
        job = {"settings": settings, "format": self.form}
        with self._writing(self.place):
            self._system.invalidate_cache()
            found: Any = None
            if self._system.exists(f"{self._root}/{JOB}"):
                found = json.loads(self._system.cat_file(f"{self._root}/{JOB}"))
            is_foreign = found != job if found is not None else bool(self._parts())
            if found is None and not is_foreign:
                self._write(JOB, (json.dumps(job, indent=1) + "\n").encode())
        if is_foreign:
            raise OutputError(
                "holds the results of another model, other options or another format: "
                "give another folder",
                self.place,
            )

    def done_ids(self) -> set[str]:
        """Return the ids that have a row."""
        done: set[str] = set()
        for path in self._parts():
            content = self._system.cat_file(path)
            if self.form == "jsonl":
                done.update(json.loads(line)["id"] for line in content.splitlines())
                continue
            table = _parquet().read_table(io.BytesIO(content), columns=["id"])
            done.update(table.column("id").to_pylist())
        return done

    def has(self, ids: Iterable[str]) -> bool:
        """Tell whether the partition of these ids is there."""
        return bool(self._system.exists(f"{self._root}/{self._name(ids)}"))

    def write(self, rows: Sequence[Row]) -> None:
        """Commit a partition.

        Raises:
            OutputError: it cannot be written.
        """
        name = self._name(row["id"] for row in rows)
        content = _to_parquet(rows) if self.form == "parquet" else _to_jsonl(rows)
        with self._writing(f"{self.place}/{name}"):
            self._write(name, content)

    @contextmanager
    def _writing(self, place: str) -> Generator[None, None, None]:
        try:
            yield
        except Exception as error:  # of any store's client
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"cannot be written: {reason}", place) from error

    def _name(self, ids: Iterable[str]) -> str:
        digest = hashlib.sha256("\n".join(sorted(ids)).encode("utf-8", "surrogatepass"))
        return f"part-{digest.hexdigest()[:20]}.{self.form}"

    def _parts(self) -> list[str]:
        return sorted(self._system.glob(f"{self._root}/part-*.{self.form}"))

    def _write(self, name: str, content: bytes) -> None:
        if is_local(self.place):
            Path(self._root).mkdir(parents=True, exist_ok=True)
            replace_file(Path(self._root) / name, content)
            return
        self._system.makedirs(self._root, exist_ok=True)
        self._system.pipe_file(f"{self._root}/{name}", content)


def _to_jsonl(rows: Sequence[Row]) -> bytes:
    return "".join(map(json_line, rows)).encode()


def _to_parquet(rows: Sequence[Row]) -> bytes:
    arrow = import_optional("pyarrow", "Parquet needs pyarrow", INSTALL)
    word = [("text", arrow.string()), *((name, arrow.float64()) for name in _WORD_NUMBERS)]
    schema = arrow.schema(
        [
            ("id", arrow.string()),
            ("text", arrow.string()),
            ("duration", arrow.float64()),
            ("words", arrow.list_(arrow.struct(word))),
            ("model", arrow.string()),
            ("options", arrow.string()),
            ("error", arrow.string()),
            ("error_kind", arrow.string()),
        ]
    )
    buffer = io.BytesIO()
    _parquet().write_table(arrow.Table.from_pylist(list(rows), schema=schema), buffer)
    return buffer.getvalue()


_WORD_NUMBERS = ("start", "end", "score")


def _parquet() -> Any:
    return import_optional("pyarrow.parquet", "Parquet needs pyarrow", INSTALL)
