"""Mutated recordings read and transcribed in a child process: no traceback, signal, hang, no GB.

Each recording is a small file of one of soundfile's formats with a few changes; the seeds are
fixed. The child prints a line a recording, so that a hang or a signal has a number.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from benchmarks.hostile.whole_recordings import soundfile_recordings

_HANG_S = 20
_TRANSCRIBED = 10  # one in ten; the others are read, which is the part that bytes can break
_MAX_BYTES = 1 << 30
_EXTREMES = (b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80")


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Return `content` with one to four changes, more often than not near its start."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        size = len(changed)
        if not size:
            break
        place = chance.randrange(min(size, 200) if chance.random() < 0.6 else size)
        length = chance.choice((1, 2, 4, 16, 128, 512))
        kind = chance.randrange(7)
        if kind == 0:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[place : place + length] = chance.randbytes(length)
        elif kind == 2:
            changed[place : place + 4] = chance.choice(_EXTREMES)
        elif kind == 3:
            del changed[place : place + length]
        elif kind == 4:
            changed[place:place] = changed[place : place + length]
        elif kind == 5:
            del changed[chance.randrange(size) :]
        else:
            changed += chance.randbytes(length)
    return bytes(changed)


def run(count: int = 4000, seed: int = 0, start: int = 0) -> int:
    """Print each fault, and one JSON line at the end; return the number of faults."""
    outcomes: Counter[str] = Counter()
    place, end, peak = start, start + count, 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with tempfile.TemporaryDirectory() as folder:
            while place < end:
                place, peak = _watch(place, end, seed, Path(folder), outcomes, peak)
    finally:  # stopped, too
        faults = _report(outcomes, peak)
    return faults


def _report(outcomes: Counter[str], peak: int) -> int:
    """Print one JSON line; return the number of faults."""
    faults = sum(outcomes[kind] for kind in ("traceback", "signal", "hang", "printed"))
    faults += peak > _MAX_BYTES
    done = outcomes["heard"] + outcomes["refused"] + outcomes["traceback"]
    print(json.dumps({"recordings": done, **outcomes, "peak_mb": peak >> 20, "faults": faults}))
    return faults


def _watch(
    start: int, count: int, seed: int, folder: Path, outcomes: Counter[str], peak: int
) -> tuple[int, int]:
    """Run a child from recording `start` on; return the next one to run, and the memory's peak."""
    command = [sys.executable, "-m", __name__, str(start), str(count), str(seed), str(folder)]
    with (
        (folder / "stderr").open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child,
    ):
        assert child.stdout is not None
        place, is_hanging = start, False
        while True:
            wait = _HANG_S if place > start else 6 * _HANG_S  # it loads first
            if not select.select([child.stdout], [], [], wait)[0]:
                child.kill()
                is_hanging = True
            line = child.stdout.readline()
            if not line:
                break
            if not line.startswith("{"):
                outcomes["printed"] += 1
                print(f"printed: {place}: {line.rstrip()}", flush=True)
                continue
            report = json.loads(line)
            outcomes[report["outcome"]] += 1
            if report["outcome"] == "traceback":
                print(f"traceback: {place}: {report['detail']}", flush=True)
            peak = max(peak, report["peak"])
            place += 1
    printed = (folder / "stderr").read_text(errors="replace").strip()
    if printed:
        outcomes["printed"] += 1
        print(f"printed from {start} on: {printed[:500]}", flush=True)
    if place < count:
        kind = "hang" if is_hanging else "signal"
        outcomes[kind] += 1
        print(f"{kind}: recording {place}, exit status {child.returncode}", flush=True)
        return place + 1, peak
    return count, peak


def _child(start: int, count: int, seed: int, folder: Path) -> None:
    import warnings

    import voxport
    from voxport.audio.recording import read_clip

    warnings.simplefilter("ignore")
    bases = sorted(soundfile_recordings().items())
    recognizer = voxport.load("commands", provider="cpu")
    path = folder / "recording.bin"
    for index in range(start, count):
        chance = random.Random(f"{seed} {index}")
        name, content = bases[index % len(bases)]
        path.write_bytes(mutate(content, chance))
        report: dict[str, object] = {"name": name, "outcome": "heard"}
        started = time.perf_counter()
        try:
            if index % _TRANSCRIBED == 0:
                recognizer.transcribe(str(path))
            else:
                read_clip(str(path), recognizer.manifest.model.sample_rate)
        except voxport.VoxportError:
            report["outcome"] = "refused"
        except Exception:
            report |= {"outcome": "traceback", "detail": traceback.format_exc()[-2000:]}
        report["seconds"] = round(time.perf_counter() - started, 3)
        report["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        os.write(1, (json.dumps(report) + "\n").encode())


if __name__ == "__main__":
    _child(*map(int, sys.argv[1:4]), Path(sys.argv[4]))
