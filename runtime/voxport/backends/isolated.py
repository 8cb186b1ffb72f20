"""An artifact in a process of its own, with limits of time and memory.

A backend as any other: a run goes to the process and its answer comes back, so that a graph without
an end, one that takes all memory and one that crashes its engine are an error each. The process
starts fresh, with nothing of this one in it, and again after a failure. Knows no engine.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

import voxport
from voxport import errors
from voxport.backends.checked_outputs import CheckedBackend
from voxport.backends.contract import (
    HEAD_OUTPUTS,
    OUTPUTS,
    TEXTS,
    TRANSCRIPT,
    Backend,
    FeatureOutput,
    GraphOutput,
    HeadOutput,
)
from voxport.backends.engines import OpenRequest, UnnamedError
from voxport.backends.isolated_child import Order
from voxport.backends.isolated_frames import FrameError, Message, read_message, write_message
from voxport.backends.isolation import Isolation
from voxport.backends.pool import BackendPool
from voxport.errors import EngineCrashError, InferenceError, VoxportError
from voxport.machine import process_limits
from voxport.package.manifest import Artifact, ModelInfo

_POLL_S = 0.05
_MAX_ANSWER_BYTES = 1_000_000_000  # 2 minutes of 20 000 labels take half of it
_MAX_TEXT_CHARACTERS = 10_000
_HEAD_BYTES = 1 << 20
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from voxport.backends.isolated_child import main; main()"
)
_ERRORS: Mapping[str, type[VoxportError]] = {
    kind.__name__: kind
    for kind in (
        errors.ArtifactUnavailableError,
        errors.InferenceError,
        errors.MissingDependencyError,
        errors.PackageError,
        errors.ProviderUnavailableError,
        UnnamedError,
    )
}

Checked: TypeAlias = Callable[[], AbstractContextManager[OpenRequest]]


def open_isolated(checked: Checked, isolation: Isolation) -> Backend:
    """Open an artifact in a process of its own.

    ``checked`` checks the artifact's files and keeps them for as long as they are being opened.
    """
    backends = [IsolatedBackend(checked, isolation) for _ in range(isolation.processes)]
    first = backends[0]
    backend = first if len(backends) == 1 else BackendPool(backends)
    return CheckedBackend(backend, first.artifact.path, first.model)


class IsolatedBackend:
    """An artifact in a process of its own. Several threads may call ``run``; one is answered at a
    time.

    Attributes:
        provider: what the process says that it runs on.
        runtime: its engine.
        artifact: the artifact.
        model: its model.
    """

    def __init__(self, checked: Checked, isolation: Isolation) -> None:
        self._checked = checked
        self._isolation = isolation
        self._lock = threading.Lock()
        self._failures = 0
        self._last_failure = ""
        self._process: _Process | None = self._start()

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Return the named outputs for each row of the batch."""
        message = self._ask({"outputs": list(outputs), "layers": []}, waveform, lengths)
        arrays = {name: message.arrays.get(name) for name in outputs if name != TRANSCRIPT}
        return GraphOutput(**arrays, transcript=message.texts)

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        layers: Sequence[int],  # counted from 1
    ) -> FeatureOutput:
        """Return the outputs of these transformer layers."""
        message = self._ask({"outputs": [], "layers": list(layers)}, waveform, lengths)
        try:
            values = [message.arrays[str(place)] for place in range(len(layers))]
            return FeatureOutput(values, message.arrays["lengths"])
        except KeyError as error:
            raise InferenceError(f"gave no layer {error}", self.artifact.path) from None

    def answer(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        task: str,
    ) -> HeadOutput:
        """Return the outputs of a task other than transcription."""
        message = self._ask({"outputs": [], "layers": [], "task": task}, waveform, lengths)
        names = [name for name in HEAD_OUTPUTS[task] if name not in TEXTS]
        return HeadOutput(**{n: message.arrays.get(n) for n in names}, label=message.texts)

    def _start(self) -> "_Process":
        with self._checked() as request:
            if request.model is None:
                raise TypeError("an isolated artifact needs the model, whose sizes limit an answer")
            self.artifact: Artifact = request.artifact
            self.model: ModelInfo = request.model
            process = _Process(request, self._isolation)
        self.provider, self.runtime = process.provider, process.runtime
        return process

    def _ask(
        self,
        head: Mapping[str, Any],
        waveform: NDArray[np.float32],
        lengths: NDArray[np.int64],
    ) -> Message:
        seconds = waveform.size / self.model.sample_rate
        with self._lock:
            most = self._isolation.most_failures
            if most is not None and self._failures >= most:
                raise InferenceError(
                    f"failed {self._failures} times in a row, the last time because it "
                    f"{self._last_failure}; no more is tried",
                    self.artifact.path,
                )
            process, self._process = self._process, None
            if process is not None and process.owner != os.getpid():
                process = None  # of a parent before a fork: its answers are the parent's
            try:
                process = process or self._start()
                message = process.ask(
                    head,
                    {"waveform": waveform, "lengths": lengths},
                    self._isolation.run_limit(seconds),
                    self._answer_bytes(*waveform.shape),
                )
            except _EndedError as error:
                self._count_failure(str(error))
                kind = EngineCrashError if error.is_crash else InferenceError
                raise kind(str(error), self.artifact.path) from None
            except VoxportError as error:  # of a new start
                self._count_failure(error.reason)
                raise
            except BaseException:  # Ctrl-C: its answer would be taken for the next one's
                if process is not None:
                    process.end()
                raise
            self._process, self._failures = process, 0
        return _raise_error(message)

    def _count_failure(self, reason: str) -> None:
        self._failures += 1
        self._last_failure = reason

    def _answer_bytes(self, rows: int, samples: int) -> int:
        """Return the most bytes of an honest answer."""
        frames = samples // self.model.frame_stride + 1
        # Emission, or logits and scores; 4 numbers of each token, its text
        values = 8 * len(self.model.labels) + 64
        layers = [output.shape[-1] for output in self.artifact.features]
        widths = sum(4 * size for size in layers if isinstance(size, int))
        text = max((len(label.encode()) for label in self.model.labels), default=0)
        size = rows * frames * (values + widths + text) + _HEAD_BYTES
        return min(size, _MAX_ANSWER_BYTES)


class _EndedError(Exception):
    """End of the process without an answer; the message completes "it …"."""

    def __init__(self, reason: str, *, is_crash: bool = False) -> None:
        super().__init__(reason)
        self.is_crash = is_crash  # no limit of ours ended it


class _Process:
    """A running process and the pipes to it. Ends with its last reference."""

    def __init__(self, request: OpenRequest, isolation: Isolation) -> None:
        self.owner = os.getpid()
        size = sum(entry.bytes for entry in request.artifact.files)
        self._memory_bytes = isolation.memory_limit(size)
        # Mapped weights are resident, too, and not counted by the process's own limit.
        self._most_resident = self._memory_bytes + size + self._memory_bytes // 4
        life, ours = os.pipe()
        try:
            self._child = _spawn(life)
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(life)
        self.end = weakref.finalize(self, _end, self._child, ours, self.owner)
        try:
            self._open(Order(request, self._memory_bytes), isolation.load_seconds)
        except _EndedError as error:
            kind = EngineCrashError if error.is_crash else InferenceError
            raise kind(str(error), request.file.path) from None
        except BaseException:
            self.end()
            raise

    def _open(self, order: Order, limit_s: float) -> None:
        with _Watch(self._child, limit_s, self._most_resident) as watch:
            message = self._exchange(
                watch, lambda pipe: pickle.dump(order, pipe, protocol=5), _HEAD_BYTES
            )
        message = _raise_error(message)
        self.provider = _short_text(message.head.get("provider"))
        self.runtime = _short_text(message.head.get("runtime"))

    def ask(
        self,
        head: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        limit_s: float,
        most_bytes: int,
    ) -> Message:
        """Send a run and return the answer, which may be an error.

        Raises:
            _EndedError: the process is gone without an answer.
        """
        with _Watch(self._child, limit_s, self._most_resident) as watch:
            return self._exchange(watch, lambda pipe: write_message(pipe, head, arrays), most_bytes)

    def _exchange(self, watch: "_Watch", send: Callable[[Any], object], most_bytes: int) -> Message:
        try:
            with suppress(BrokenPipeError):  # what ended it is found when its answer is missing
                send(self._child.stdin)
                assert self._child.stdin is not None
                self._child.stdin.flush()
            return read_message(cast("BinaryIO", self._child.stdout), most_bytes)
        except FrameError as error:
            self.end()
            raise _EndedError(f"answered with {error}") from None
        except EOFError:
            reason = watch.reason or _describe_end(self._child)
            self.end()
            raise _EndedError(reason, is_crash=watch.reason is None) from None


class _Watch:
    """A thread to end a process that takes too much time or memory, for one ``with`` block."""

    def __init__(self, child: "subprocess.Popen[bytes]", limit_s: float, most: int) -> None:
        self.reason: str | None = None
        self._child = child
        self._limit_s = limit_s
        self._most = most
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="voxport-isolation", daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()

    def _look(self) -> None:
        deadline = time.monotonic() + self._limit_s
        while not self._is_done.wait(_POLL_S):
            if process_limits.resident_bytes(self._child.pid) > self._most:
                self._end(f"took more than {self._most / 1e9:.1f} GB of memory and was ended")
            elif time.monotonic() > deadline:
                self._end(f"gave no answer within {self._limit_s:.0f} s and was ended")

    def _end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._child.kill()


def _spawn(life: int) -> "subprocess.Popen[bytes]":
    """Start an interpreter that imports what this one would, from nowhere else."""
    own = Path(voxport.__file__).resolve().parents[1]
    path = dict.fromkeys([*(str(Path(entry).absolute()) for entry in sys.path if entry), str(own)])
    is_posix = os.name == "posix"
    command = [sys.executable, "-I", "-B", "-c", _START, json.dumps(list(path))]
    try:
        return subprocess.Popen(
            [*command, str(life if is_posix else -1)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(life,) if is_posix else (),
            start_new_session=is_posix,  # Ctrl-C is for this process, which then ends that one
            cwd=Path(sys.executable).anchor or None,
        )
    except OSError as error:
        raise InferenceError(f"no process of its own can be started: {error}") from None


def _end(child: "subprocess.Popen[bytes]", life: int, owner: int) -> None:
    """End a process and close the pipes to it; in a fork of its parent do nothing."""
    if os.getpid() != owner:
        return
    os.close(life)
    child.kill()
    for pipe in (child.stdin, child.stdout):
        with suppress(OSError):  # what was not sent any more
            if pipe is not None:
                pipe.close()
    child.wait()


def _describe_end(child: "subprocess.Popen[bytes]") -> str:
    code = child.wait()
    if code >= 0:
        return f"ended its process with code {code}"
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    return f"crashed its process: signal {-code}{name}"


def _short_text(value: Any) -> str:
    """Return the name of an engine, of a process that may say anything."""
    return "".join(character if character.isprintable() else "?" for character in str(value)[:200])


def _raise_error(message: Message) -> Message:
    """Return a message, or raise the error in it."""
    error = message.head.get("error")
    if error is None:
        return message
    parts: list[Any] = cast("list[Any]", error) if isinstance(error, list) else []
    if len(parts) != 3:
        raise InferenceError("answered with an error that is none")
    kind, reason, subject = (
        None if part is None else str(part)[:_MAX_TEXT_CHARACTERS] for part in parts
    )
    raise _ERRORS.get(str(kind), InferenceError)(str(reason), subject)
