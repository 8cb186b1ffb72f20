"""Mutated packages, every hash right, through Python: ``verify``, ``load`` and ``transcribe``.

``python -m benchmarks.hostile packages``. Each package runs in a process of its own, forked from
one that has imported everything. A fault is a traceback, a signal, more than 20 s of processor time
or 200 s by the clock (other work on the machine does not count), more than 1 GB, or a file opened
outside of the package, of Python and of temporary folders.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hostile.host_inputs import MUTATIONS, read_one_artifact, write_packages

_CPU_SECONDS_EACH = 20
_SECONDS_EACH = 200.0  # by the clock: finds what waits for ever
_MAX_BYTES = 10**9
_ROOT = Path(__file__).parents[2]
_PACKAGE = _ROOT / "runtime/voxport/packages/commands"
_CLIP = _ROOT / "models/commands/samples/yes.flac"
_ALLOWED = ("/proc/", "/sys/", "/dev/null", "/dev/urandom", "/etc/localtime")
_TRACEBACK, _OUTSIDE = 77, 78  # exit codes
_GOLDEN_SHARE = 5  # one package in so many has its golden files mutated


@dataclasses.dataclass
class Result:
    """Counts of a campaign."""

    packages: int = 0
    refused: int = 0  # by load or by each artifact's own checks
    answered: int = 0
    peak_bytes: int = 0
    slowest_cpu_s: float = 0.0
    slowest_s: float = 0.0  # by the clock, other work on the machine included
    slowest: str = ""  # by the clock
    faults: list[str] = dataclasses.field(default_factory=list[str])
    refusals: Counter[str] = dataclasses.field(default_factory=Counter[str])


def run(count: int, seed: int, start: int = 0) -> list[str]:
    """Run the campaign, print its counts as one line of JSON and return its faults.

    Packages are numbered, so that parts of a campaign may run beside each other.
    """
    import voxport.cli  # before the fork, as all below
    import voxport.loading
    import voxport.verification.verify  # noqa: F401
    from voxport.backends.onnx import onnxruntime

    onnxruntime()  # without its telemetry
    result = Result()
    with tempfile.TemporaryDirectory(prefix="hostile-packages-") as space:
        home = Path(space, "home")
        home.mkdir()
        os.environ.update(HOME=str(home), XDG_CACHE_HOME=str(home / "cache"))
        base = _write_base(Path(space, "base"))
        numbers = range(start, start + count)
        for package in _packages(base, Path(space, "packages"), numbers, seed):
            _try(package, home, result)
            shutil.rmtree(package)
        if written := [str(path) for path in home.rglob("*")]:
            result.faults.append(f"files written outside: {written[:5]}")
    print(json.dumps(_shown(result)))
    return result.faults


def _shown(result: Result) -> dict[str, Any]:
    return vars(result) | {"refusals": dict(result.refusals.most_common(12))}


def _write_base(path: Path) -> Path:
    """Write the shipped package with one artifact and one golden recording only."""
    path.mkdir()
    document = read_one_artifact(_PACKAGE)
    document.update(golden=document["golden"][:1], files=[])
    [clip] = document["golden"]
    for name in ("model.onnx", clip["path"], clip["emission"]["path"]):
        shutil.copyfile(_PACKAGE / name, path / name)
    _sign(document, path)
    return path


def _sign(document: dict[str, Any], path: Path) -> None:
    text = json.dumps({**document, "sha256": "0" * 64})
    signed = text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest())
    (path / "manifest.json").write_text(signed, encoding="utf-8")


def _packages(base: Path, folder: Path, numbers: range, seed: int) -> Iterator[Path]:
    folder.mkdir()
    for number in numbers:
        if number % _GOLDEN_SHARE == 0:
            random = np.random.default_rng((seed, 1, number))
            yield _with_golden(base, folder / f"{number:05}-golden", random)
            continue
        [package] = write_packages(base, folder, range(number, number + 1), seed)
        for name in ("golden-0.wav", "golden-0.npy"):
            shutil.copyfile(base / name, package / name)
        yield package


def _with_golden(base: Path, path: Path, random: np.random.Generator) -> Path:
    """Write a whole package of which one golden file is mutated."""
    shutil.copytree(base, path)
    document = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    [clip] = document["golden"]
    entry: dict[str, Any] = clip if random.random() < 0.5 else clip["emission"]
    name = list(MUTATIONS)[int(random.integers(0, len(MUTATIONS)))]
    content = (path / entry["path"]).read_bytes()
    head = content[:200] if random.random() < 0.7 else content  # headers are where parsers fail
    content = MUTATIONS[name](head, random) + content[len(head) :]
    (path / entry["path"]).write_bytes(content)
    entry.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    _sign(document, path)
    return path


def _try(package: Path, home: Path, result: Result) -> None:
    start = time.monotonic()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        code = _TRACEBACK
        try:
            code = _use(package, home, write)
        finally:
            os._exit(code)  # an engine's exit handlers wait for threads that a fork has not
    os.close(write)
    status, usage = _wait(child, start + _SECONDS_EACH)
    seconds = usage.ru_utime + usage.ru_stime
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read(100_000).decode("utf-8", "replace")
    result.packages += 1
    result.slowest_cpu_s = max(result.slowest_cpu_s, round(seconds, 2))
    waited = round(time.monotonic() - start, 2)
    if waited > result.slowest_s:
        result.slowest_s, result.slowest = waited, f"{package.name}, {seconds:.1f} s of processor"
    if result.packages % 100 == 0:
        print(json.dumps(_shown(result)), file=sys.stderr, flush=True)
    peak = usage.ru_maxrss * 1024
    result.peak_bytes = max(result.peak_bytes, peak)
    if status != 0:
        code = os.waitstatus_to_exitcode(status)
        result.faults.append(
            f"{package.name}: exit {code} after {seconds:.1f} s of processor time: {said[-800:]}"
        )
    elif seconds > _CPU_SECONDS_EACH:
        result.faults.append(f"{package.name}: {seconds:.1f} s")
    elif peak > _MAX_BYTES:
        result.faults.append(f"{package.name}: {peak / 1e9:.2f} GB")
    elif said.startswith("refused"):
        result.refused += 1
        result.refusals[" ".join(said.split()[1:7])] += 1
    else:
        result.answered += 1


def _wait(child: int, deadline: float) -> tuple[int, Any]:
    killed = False
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return status, usage
        if time.monotonic() > deadline and not killed:
            os.kill(child, 9)
            killed = True
        time.sleep(0.002)


def _use(package: Path, home: Path, pipe: int) -> int:
    """Verify a package, load it and transcribe with it; in the child."""
    opened: list[str] = []
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS_EACH, _CPU_SECONDS_EACH))
    sys.addaudithook(_watch(opened, (str(package), str(_CLIP))))
    os.chdir(home)
    said, code = "answered", 0
    try:
        said = _verify_and_transcribe(package)
    except BaseException:  # the campaign looks for any that is no VoxportError
        said, code = traceback.format_exc(), _TRACEBACK
    if code == 0 and opened:
        said, code = f"opened {opened[:5]}", _OUTSIDE
    os.write(pipe, said.encode("utf-8", "replace")[-60_000:])
    return code


def _verify_and_transcribe(package: Path) -> str:
    import voxport
    from voxport.errors import VoxportError
    from voxport.verification.verify import verify

    said = "answered"
    try:
        report = verify(package)
        said = "answered" if report.ok else "refused by verify"
    except VoxportError as error:
        said = f"refused {type(error).__name__} {error.reason}"
    try:
        recognizer = voxport.load(package, provider="cpu", threads=1)
        for outcome in recognizer.transcribe_each([_CLIP, np.zeros(300, np.float32)]):
            if outcome.transcript is not None:
                json.dumps(dataclasses.asdict(outcome.transcript), allow_nan=False)
            elif outcome.error is not None:
                said = f"refused {type(outcome.error).__name__} {outcome.error.reason}"
    except VoxportError as error:
        said = f"refused {type(error).__name__} {error.reason}"
    return said


def _watch(opened: list[str], mine: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that collects the paths of files opened where none should be."""
    inside = (*mine, *_ALLOWED, sys.prefix, sys.base_prefix, str(_ROOT), tempfile.gettempdir())
    libraries = tuple(path for path in sys.path if path)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = str(Path(os.fsdecode(arguments[0])).absolute())
            if not path.startswith((*inside, *libraries)):
                opened.append(path)

    return watch


if __name__ == "__main__":
    sys.exit(int(bool(run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))))
