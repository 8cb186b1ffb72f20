"""Whole recordings against ffmpeg: the same duration, within a frame of the encoder.

A recording may be refused where ffmpeg reports errors; none may be shorter without an error.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter

from benchmarks.hostile.whole_recordings import Whole, recordings
from voxport.audio.files import read_audio
from voxport.errors import VoxportError


def run(count: int = 500, seed: int = 0, start: int = 0) -> int:
    """Print each difference, and one JSON line at the end; return the number of faults."""
    outcomes: Counter[str] = Counter()
    kinds: set[str] = set()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for whole in recordings(range(start, start + count), seed):
            outcome, detail = _compare(whole)
            outcomes[outcome] += 1
            kinds.add(whole.name.split(",")[0])
            if detail:
                print(f"{outcome}: {whole.name}: {detail}", flush=True)
    finally:  # stopped, too
        done = outcomes.total()
        faults = outcomes["shorter"] + outcomes["refused"] + outcomes["longer"]
        print(json.dumps({"recordings": done, "kinds": len(kinds), **outcomes, "faults": faults}))
    return faults


def _compare(whole: Whole) -> tuple[str, str]:
    seconds, complaint = _by_ffmpeg(whole.content)
    try:
        audio = read_audio(whole.content)
    except VoxportError as error:
        if "convert it to wav" in str(error):  # a format that is not read, and says so
            return "unsupported", str(error)
        return ("refused with ffmpeg" if complaint else "refused"), str(error)
    ours = len(audio.waveform) / audio.sample_rate
    if abs(ours - seconds) <= whole.tolerance_s:
        return "equal", ""
    outcome = "shorter" if ours < seconds else "longer"
    return outcome, f"{ours:.3f} s, ffmpeg {seconds:.3f} s {complaint[:100]}"


def _by_ffmpeg(content: bytes) -> tuple[float, str]:
    """Return the seconds that ffmpeg decodes, and its errors."""
    with tempfile.NamedTemporaryFile() as file:  # ffmpeg seeks in some
        file.write(content)
        file.flush()
        options = ["-f", "f32le", "-ac", "1", "-ar", "16000", "-"]
        command = ["ffmpeg", "-v", "error", "-i", file.name, *options]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    return len(done.stdout) / 4 / 16000, done.stderr.decode(errors="replace").strip()
