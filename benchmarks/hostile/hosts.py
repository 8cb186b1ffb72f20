"""Mutated recordings and packages through the C++ program and Node.

``python -m benchmarks.hostile.hosts OUT --host cpp=build/cpp/transcribe`` or
``--host node=runtime/web/dist/lib``. Ends in a line of JSON. A fault is a signal, an answer that is
missing, an unexpected error, more than 20 s of the processor for one input, more than 1 GB, a file
opened outside (as strace sees it, where that is installed), or a recording that was cut and
transcribed without its end.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.hostile import system_calls
from benchmarks.hostile.host_inputs import write_packages, write_recordings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_MAX_CPU_S = 20.0  # for one input; of the processor, as the machine may be busy with other work
_MAX_WAIT_S = 300.0
_POLL_S = 2.0
_MAX_BYTES = 10**9
_BATCH = 100
_MAX_MISSING_S = 0.05
_ROOT = Path(__file__).parents[2]
_SCRIPT = Path(__file__).with_name("host.mjs")


@dataclass
class Campaign:
    """Counts of one host and one kind of input."""

    host: str
    kind: str
    inputs: int = 0
    heard: int = 0
    slowest_s: float = 0.0  # by the clock, other work on the machine included
    slowest_cpu_s: float = 0.0
    faults: list[str] = field(default_factory=list[str])
    refusals: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True)
class Line:
    """A line of a host's output, and the time since the one before it."""

    text: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Host:
    """A host's name, its command, and a folder that stands for the user's home."""

    name: str
    path: Path
    home: Path
    inputs: Path

    def outside(self, log: Path) -> list[str]:
        """Return what was opened outside of the inputs, the program and its libraries."""
        readable = ("/usr/", "/lib", "/etc/", "/proc/", "/sys/", "/dev/", "/opt/", str(_ROOT))
        folder = self.path if self.path.is_dir() else self.path.parent
        libraries = (str(folder), *_library_folders(self.path))
        writable = ("/dev/null", "/dev/tty", "/proc/self/")
        return system_calls.read_outside(log, (*readable, *libraries, str(self.inputs)), writable)

    def command(self, kind: str, package: Path, clip: Path, batch: Sequence[Path]) -> list[str]:
        """Return the command for a batch; Node reads the paths from its standard input."""
        if self.name == "node":
            return ["node", str(_SCRIPT), str(self.path), kind, str(package), str(clip)]
        if kind == "recordings":
            return [str(self.path), "--json", str(package), *map(str, batch)]
        return [str(self.path), "--json", str(batch[0]), str(clip)]

    def answers(self, command: list[str], batch: Sequence[Path]) -> Iterator[Line]:
        """Run a command; yield its lines, then its end as ``rc N``."""
        environment = {**os.environ, "HOME": str(self.home), "XDG_CACHE_HOME": f"{self.home}/c"}
        environment.pop("ORT_DISABLE_TELEMETRY", None)
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.home,
                env=environment,
            ) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            if self.name == "node":
                process.stdin.write("".join(f"{path}\n" for path in batch).encode())
            process.stdin.close()
            pending, start, spent = b"", time.monotonic(), 0.0
            while True:
                ready, _, _ = select.select([process.stdout], [], [], _POLL_S)
                block = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
                waited = time.monotonic() - start
                if not ready:
                    if _cpu_seconds(process.pid) - spent < _MAX_CPU_S and waited < _MAX_WAIT_S:
                        continue
                    process.kill()
                    yield Line("hang", waited, _cpu_seconds(process.pid) - spent)
                    return
                used, spent = _cpu_seconds(process.pid) - spent, _cpu_seconds(process.pid)
                *lines, pending = (pending + block).split(b"\n")
                for line in lines:
                    yield Line(line.decode(errors="replace"), waited, used)
                start = time.monotonic()
                if not block:
                    break
            before = _children_seconds()
            code = process.wait()
            used = _children_seconds() - before
            errors.seek(0)
            # A refused package ends its process with no line before: the whole of it counts.
            yield Line(f"rc {code} {errors.read(2000).decode(errors='replace')}", waited, used)


def _children_seconds() -> float:
    """Return the processor time of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _library_folders(program: Path) -> list[str]:
    """Return the folders of the libraries that a program was linked to."""
    if program.is_dir():
        return [str(folder / "node_modules") for folder in program.parents]
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    paths = [Path(word) for word in said.split() if word.startswith("/")]
    return [str(folder) for path in paths for folder in (path.parent, path.resolve().parent)]


def _cpu_seconds(process: int) -> float:
    """Return the processor time of a running process, 0 where it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@app.command()
def run(
    output: Annotated[Path, typer.Argument(help="Folder for the figures.")],
    host: Annotated[str, typer.Option(metavar="NAME=PATH", help="cpp=PROGRAM or node=DIST.")],
    recordings: Annotated[int, typer.Option(min=0)] = 4000,
    packages: Annotated[int, typer.Option(min=0)] = 2000,
    seed: Annotated[int, typer.Option()] = 15,
) -> None:
    """Run both campaigns on one host and write OUT/NAME.json."""
    name, path = host.split("=", 1)
    package = _ROOT / "runtime/voxport/packages/commands"
    clip = _ROOT / "models/commands/samples/one-two-three.flac"
    with tempfile.TemporaryDirectory() as work:
        folder, home = Path(work) / "inputs", Path(work) / "home"
        folder.mkdir()
        home.mkdir()
        runner = Host(name, Path(path).resolve(), home, folder)
        short = package / "golden-9.wav"
        inputs = {
            "recordings": write_recordings(clip, folder, recordings, seed),
            "packages": write_packages(package, folder, range(packages), seed),
        }
        results = [_run(runner, kind, paths, package, short) for kind, paths in inputs.items()]
        if written := sorted(map(str, home.rglob("*"))):
            results[0].faults.append(f"written into the home folder: {written[:5]}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    if peak > _MAX_BYTES:
        results[0].faults.append(f"{peak / 1e6:.0f} MB at the peak")
    summary: dict[str, Any] = {"host": name, "seed": seed, "peak_mb": round(peak / 1e6)}
    summary["files_watched"] = system_calls.is_available()
    summary |= {campaign.kind: _summary(campaign) for campaign in results}
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{name}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary))
    sys.exit(any(campaign.faults for campaign in results))


def _summary(campaign: Campaign) -> dict[str, Any]:
    return {
        "inputs": campaign.inputs,
        "transcribed": campaign.heard,
        "refused": campaign.inputs - campaign.heard,
        "slowest_s": round(campaign.slowest_s, 2),
        "slowest_cpu_s": round(campaign.slowest_cpu_s, 2),
        "faults": campaign.faults,
    }


def _run(host: Host, kind: str, inputs: Iterable[Path], package: Path, clip: Path) -> Campaign:
    campaign = Campaign(host.name, kind)
    rest = iter(inputs)
    size = 1 if host.name == "cpp" and kind == "packages" else _BATCH
    while batch := list(islice(rest, size)):
        campaign.inputs += len(batch)
        left = list(batch)
        while left:  # a batch goes on behind an input that ended the process
            done = _run_batch(host, kind, left, campaign, package, clip)
            left = left[done:]
        for path in batch:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if campaign.inputs % 500 == 0:
            print(kind, campaign.inputs, campaign.faults[-3:], file=sys.stderr)
    return campaign


def _run_batch(
    host: Host, kind: str, batch: Sequence[Path], campaign: Campaign, package: Path, clip: Path
) -> int:
    """Run a batch; return the number of inputs that are done, with one that ended the process."""
    command = host.command(kind, package, clip, batch)
    if not system_calls.is_available():
        return _read_answers(host, kind, command, batch, campaign)
    with tempfile.TemporaryDirectory() as space:
        log = Path(space) / "calls"
        done = _read_answers(host, kind, system_calls.traced(command, log), batch, campaign)
        if outside := host.outside(log):
            campaign.faults.append(f"{batch[0].name} and others: opened {outside[:3]}")
    return done


def _read_answers(
    host: Host, kind: str, command: list[str], batch: Sequence[Path], campaign: Campaign
) -> int:
    answered = 0
    for answer_line in host.answers(command, batch):
        line = answer_line.text
        is_end = line.startswith("rc ")  # its time is that of the whole batch
        if len(batch) == 1 or (answered and not is_end):  # the first has the program's own start
            campaign.slowest_s = max(campaign.slowest_s, answer_line.seconds)
            campaign.slowest_cpu_s = max(campaign.slowest_cpu_s, answer_line.cpu_seconds)
        subject = batch[min(answered, len(batch) - 1)].name
        if line == "hang":
            campaign.faults.append(
                f"{subject}: {answer_line.cpu_seconds:.0f} s of the processor and no answer "
                f"after {answer_line.seconds:.0f} s"
            )
            return answered + 1
        if line.startswith("rc "):
            _, code, *errors = line.split(" ", 2)
            is_refused_package = kind == "packages" and host.name == "cpp" and code == "1"
            if is_refused_package and answered == 0 and errors and errors[0].startswith("error: "):
                return len(batch)
            if code not in ("0", "1") or answered < len(batch):
                campaign.faults.append(f"{subject}: ended with {line[:300]}")
                return answered + 1
            continue
        answer = json.loads(line)
        answered += 1
        if "unexpected" in answer:
            campaign.faults.append(f"{subject}: {answer['unexpected'][:300]}")
        if "text" in answer:
            campaign.heard += 1
            if kind == "recordings" and _is_shortened(subject, answer["duration"]):
                campaign.faults.append(f"{subject}: {answer['duration']} s in silence")
    return len(batch)


def _is_shortened(name: str, duration: float) -> bool:
    """Return true where the end of a recording is missing, and nothing was said."""
    return "-cut." in name and duration < 2.475 - _MAX_MISSING_S


if __name__ == "__main__":
    app()
