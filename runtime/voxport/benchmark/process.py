"""A candidate as the parent sees it: a process to start, ask and end.

Knows the protocol of ``worker`` and nothing of the work done there.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from voxport.errors import InferenceError

_START_LIMIT_S = 900.0  # torch.compile takes minutes
_RUN_LIMIT_S = 600.0


@dataclass(frozen=True)
class Candidate:
    """Something to measure."""

    name: str
    factory: str  # "module:function", as ``worker`` takes it
    arguments: Mapping[str, Any]  # of the factory; JSON
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict[str, str])  # beside this process's


@dataclass(frozen=True)
class WorkloadRun:
    """One pass over a workload."""

    seconds: tuple[float, ...]  # one a batch
    texts: tuple[str, ...]  # one a clip
    peak: int  # bytes resident at the most, since the workload's first pass


class Process:
    """A running candidate. Ends with its ``with`` block."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._started = time.perf_counter()
        self._child = self._start()
        self.load_seconds = 0.0  # of the factory alone, without Python and this module
        self.runs_on = ""  # what the candidate says of itself

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.communicate()
        self._errors.close()

    def _start(self) -> "subprocess.Popen[str]":
        one = self.candidate
        module = ("-m", "voxport.benchmark.worker")
        try:
            return subprocess.Popen(
                [one.python, *module, one.factory, json.dumps(dict(one.arguments))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
                env={**os.environ, **one.environment},
            )
        except OSError as error:
            self._errors.close()
            raise InferenceError(f"{one.python} cannot be started: {error}", one.name) from error

    def load(self) -> None:
        """Wait until the candidate is open."""
        answer = self._answer(_START_LIMIT_S)
        self.load_seconds, self.runs_on = float(answer["loaded"]), str(answer["runs_on"])

    def run(self, batches: Sequence[Sequence[Path]], *, fresh: bool = False) -> WorkloadRun:
        """Run batches of clips once; ``fresh`` starts the count of memory again."""
        assert self._child.stdin is not None
        order = {"batches": [[str(file) for file in batch] for batch in batches], "fresh": fresh}
        try:
            self._child.stdin.write(json.dumps(order) + "\n")
            self._child.stdin.flush()
        except OSError:  # it has died; its last answer or its stderr tells why
            pass
        answer = self._answer(_START_LIMIT_S if fresh else _RUN_LIMIT_S)
        return WorkloadRun(tuple(answer["seconds"]), tuple(answer["texts"]), int(answer["peak"]))

    def age(self) -> float:
        """Return the seconds since the process was started."""
        return time.perf_counter() - self._started

    def _answer(self, limit: float) -> dict[str, Any]:
        assert self._child.stdout is not None
        alarm = threading.Timer(limit, self._child.kill)
        alarm.start()
        try:
            line = self._child.stdout.readline()
        finally:
            alarm.cancel()
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._reason_of_death()}
        if "error" in answer:
            raise InferenceError(str(answer["error"]), self.candidate.name)
        return answer

    def _reason_of_death(self) -> str:
        """Return the exit code and the last line of stderr of a process without an answer."""
        code = self._child.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the process ended with code {code}: {said[-1] if said else 'without a word'}"
