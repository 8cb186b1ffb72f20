"""One job of a stage, in a process of its own: its rows are kept as they come.

A job is a function by its name. It yields rows, dictionaries of JSON values; each is appended to
the results at once, so that a job stopped by the clock loses nothing it has measured.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
_WORDS_SHOWN = 400  # characters of a failure


@dataclass(frozen=True)
class Job:
    """A function of this package to run in a process of its own."""

    name: str
    function: str  # "module:function" in benchmarks.gpu
    arguments: Mapping[str, Any] = field(default_factory=dict)  # JSON values
    environment: Mapping[str, str] = field(default_factory=dict)  # beside this process's


class JobError(Exception):
    """A job that ended without its result; the message is the reason."""


def run_job(job: Job, keep: Callable[[Row], None], limit_s: float) -> None:
    """Run a job and hand each of its rows to ``keep``.

    Raises:
        JobError: it failed.
        TimeoutError: it was stopped after ``limit_s`` seconds.
    """
    command = [sys.executable, "-m", __name__, job.function, json.dumps(dict(job.arguments))]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            env={**os.environ, **job.environment},
        )
        is_late = threading.Event()
        alarm = threading.Timer(max(limit_s, 0.0), lambda: (is_late.set(), child.kill()))
        alarm.start()
        try:
            for row in _rows(child):
                keep(row)
            code = child.wait()
        finally:
            alarm.cancel()
            child.kill()
            child.communicate()
        if is_late.is_set():
            raise TimeoutError(f"stopped after {limit_s:.0f} s")
        if code:
            errors.seek(0)
            raise JobError(_last_words(errors.read().decode(errors="replace"), code))


def _rows(child: subprocess.Popen[str]) -> Iterator[Row]:
    assert child.stdout is not None
    for line in child.stdout:
        if line.endswith("\n"):  # the last one of a killed process may be cut off
            yield json.loads(line)


def _last_words(text: str, code: int) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return " ".join((lines[-1] if lines else f"ended with code {code}").split())[-_WORDS_SHOWN:]


def main(function: str, arguments: str) -> None:
    """Run the function of a job; its rows are lines on stdout, and all other output is stderr."""
    rows = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, _, name = function.partition(":")
    begun = time.perf_counter()
    work = getattr(importlib.import_module(f"benchmarks.gpu.{module}"), name)
    for row in work(**json.loads(arguments)):
        print(json.dumps(row), file=rows, flush=True)
    print(json.dumps({"seconds_of_job": round(time.perf_counter() - begun, 1)}), file=rows)
    rows.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
