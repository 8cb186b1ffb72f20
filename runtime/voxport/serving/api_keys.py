"""API keys: from the environment or a file, compared in constant time, each with a rate.

A line is ``NAME:KEY`` or ``NAME:KEY:REQUESTS_PER_MINUTE``. Only digests are kept; a key is in no
message and in no log. Knows no HTTP.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voxport.errors import InputError, accessing

ENVIRONMENT = "VOXPORT_API_KEYS"
_MIN_KEY_CHARACTERS = 16


@dataclass
class ApiKey:
    """A key's name, digest, and the requests that it may still make."""

    name: str
    digest: bytes
    per_minute: float | None = None  # None: any number
    _left: float = 0.0
    _since: float | None = None

    def take(self, now: float) -> float:
        """Take one request; return 0, or the seconds until there is one."""
        if self.per_minute is None:
            return 0.0
        passed = 60.0 if self._since is None else now - self._since
        self._left = min(self.per_minute, self._left + passed * self.per_minute / 60)
        self._since = now
        if self._left < 1:
            return (1 - self._left) * 60 / self.per_minute
        self._left -= 1
        return 0.0


class ApiKeys:
    """All keys of a service; without any, every request is allowed."""

    def __init__(self, keys: list[ApiKey], clock: Callable[[], float] = time.monotonic) -> None:
        self._keys, self._clock = keys, clock
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, given: str) -> ApiKey | None:
        """Return the key that was given; every key is compared, whichever it is."""
        digest = _digest(given)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def take(self, key: ApiKey) -> float:
        """Take one request of a key's rate; return 0, or the seconds until there is one."""
        with self._lock:
            return key.take(self._clock())


def read_keys(path: Path | None, environment: str | None) -> ApiKeys:
    """Read keys from a file, a line each, and from the environment, separated by commas.

    Raises:
        InputError: a line is no key. The message does not hold it.
    """
    lines: list[tuple[str, str]] = []
    if path is not None:
        with accessing(path, InputError):
            text = path.read_text("utf-8")
        lines += [(f"{path}, line {i}", line) for i, line in enumerate(text.splitlines(), 1)]
    entries = (environment or "").split(",")
    lines += [(f"{ENVIRONMENT}, entry {i}", line) for i, line in enumerate(entries, 1)]
    keys = [
        _parse(line.strip(), place)
        for place, line in lines
        if line.strip() and not line.strip().startswith("#")
    ]
    names = [key.name for key in keys]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"the API key {twice!r} is named twice")
    if path is not None and not keys:
        raise InputError("holds no API key", path)
    return ApiKeys(keys)


def _parse(line: str, place: str) -> ApiKey:
    name, _, rest = line.partition(":")
    key, _, rate = rest.partition(":")
    is_rate = not rate or (rate.isdecimal() and int(rate) > 0)
    if not name or len(key) < _MIN_KEY_CHARACTERS or not is_rate:
        raise InputError(
            f"expected NAME:KEY or NAME:KEY:REQUESTS_PER_MINUTE, with a key of at least "
            f"{_MIN_KEY_CHARACTERS} characters",
            place,
        )
    return ApiKey(name, _digest(key), float(rate) if rate else None)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
