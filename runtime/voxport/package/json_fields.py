"""Typed reading of JSON from outside.

Every accessor checks the type of one field and names it (``artifacts[0].bytes``) when it is wrong,
so a broken manifest is reported by field. Knows nothing of the fields' meaning. Unknown fields are
ignored: a later voxport may add some without raising the format's version.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar, cast

from voxport.errors import ManifestError

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_NAME_CHARACTERS = 200  # file systems allow 255 bytes
_MAX_NUMBER = 2**53  # beyond, other languages' JSON has no exact integers


@dataclass(frozen=True)
class Fields:
    """One JSON object and its place in the document."""

    data: Mapping[str, Any]
    where: str = ""  # "" for the document itself, else for example "artifacts[0]."

    @classmethod
    def from_value(cls, value: object, name: str) -> "Fields":
        """Wrap the object ``value`` found at ``name``."""
        if not isinstance(value, dict):
            raise _type_error(name or "the document", "an object", value)
        return cls(cast("dict[str, Any]", value), f"{name}." if name else "")

    def name(self, key: str) -> str:
        """Return the full name of a field, for messages."""
        return f"{self.where}{key}"

    def value(self, key: str) -> Any:
        """Return a field of any type."""
        if key not in self.data:
            raise ManifestError(f"the field {self.name(key)!r} is missing")
        return self.data[key]

    def text(self, key: str) -> str:
        """Return a string."""
        return _text(self.value(key), self.name(key))

    def optional_text(self, key: str) -> str | None:
        """Return a string or null."""
        value = self.value(key)
        return None if value is None else _text(value, self.name(key))

    def one_of(self, key: str, choices: tuple[str, ...]) -> str:
        """Return one of a few strings."""
        value = self.value(key)
        if value not in choices:
            raise _type_error(self.name(key), " or ".join(map(repr, choices)), value)
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self.value(key)
        if not isinstance(value, bool):
            raise _type_error(self.name(key), "true or false", value)
        return value

    def integer(self, key: str, least: int = 0, most: int = _MAX_NUMBER) -> int:
        """Return a whole number of ``least`` to ``most``."""
        return _integer(self.value(key), self.name(key), least, most)

    def number(self, key: str) -> float:
        """Return a finite number of at least 0."""
        return _number(self.value(key), self.name(key))

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """Return a list of ``count`` finite numbers of at least 0."""
        found = self._items(key, _number)
        if len(found) != count:
            raise _type_error(self.name(key), f"a list of {count} numbers", list(found))
        return found

    def real(self, key: str, least: float, most: float) -> float:
        """Return a number of ``least`` to ``most``; it may be negative."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _type_error(self.name(key), "a number", value)
        if not least <= value <= most:
            raise _type_error(self.name(key), f"a number of {least:g} to {most:g}", value)
        return float(value)

    def sha256(self, key: str) -> str:
        """Return 64 lower-case hexadecimal digits."""
        value = self.value(key)
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise _type_error(self.name(key), "64 lower-case hexadecimal digits", value)
        return value

    def file_name(self, key: str) -> str:
        """Return a plain file name, so no manifest can point outside its folder."""
        value = self.text(key)
        if not _is_plain_name(value) or set(value) & set("/\\:"):
            raise _type_error(self.name(key), "a plain file name inside the package", value)
        return value

    def model_name(self, key: str) -> str:
        """Return a name fit for a path and a terminal; a slash may part its words."""
        value = self.text(key)
        if not all(map(_is_plain_name, value.split("/"))) or "\\" in value:
            raise _type_error(self.name(key), "a name without control characters and ..", value)
        return value

    def child(self, key: str) -> "Fields":
        """Return an object."""
        return Fields.from_value(self.value(key), self.name(key))

    def children(self, key: str) -> "list[Fields]":
        """Return a list of objects."""
        return list(self._items(key, Fields.from_value))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        return self._items(key, _text)

    def integers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers of at least 0."""
        return self._items(key, _integer)

    def dimensions(self, key: str) -> tuple[int | str, ...]:
        """Return a tensor's shape: each item a size, or the name of a varying size."""
        return self._items(key, _dimension)

    def text_map(self, key: str) -> dict[str, str]:
        """Return an object of strings."""
        child = self.child(key)
        return {item: child.text(item) for item in child.data}

    def _items(self, key: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
        value = self.value(key)
        if not isinstance(value, list):
            raise _type_error(self.name(key), "a list", value)
        items = cast("list[object]", value)
        return tuple(read(item, f"{self.name(key)}[{i}]") for i, item in enumerate(items))


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _type_error(name, "a string", value)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _type_error(name, "Unicode text", value)  # half of a pair cannot be printed
    return value


def _is_plain_name(value: str) -> bool:
    is_short = 0 < len(value) <= _MAX_NAME_CHARACTERS
    return is_short and value not in {".", ".."} and not _CONTROL.search(value)


def _integer(value: object, name: str, least: int = 0, most: int = _MAX_NUMBER) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _type_error(name, f"a whole number of at least {least}", value)
    if value > most:
        raise _type_error(name, f"a whole number of at most {most}", value)
    return value


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
        raise _type_error(name, "a finite number of at least 0", value)
    if value > _MAX_NUMBER:  # a whole number may be larger than any float
        raise _type_error(name, f"a number of at most {_MAX_NUMBER}", value)
    return float(value)


def _dimension(value: object, name: str) -> int | str:
    return _text(value, name) if isinstance(value, str) else _integer(value, name)


def _type_error(name: str, expected: str, value: object) -> ManifestError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return ManifestError(f"{name} must be {expected}, got {shown}")
