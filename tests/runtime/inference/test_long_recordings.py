"""Real speech of any length: an hour takes the memory of six minutes and reads like one pass.

Joined clips of read sentences, commands and digits; see ``support.data`` for their folder.
"""

import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

import voxport
from support import data
from voxport.audio.recording import read_clip
from voxport.transcript.edit_distance import edit_distance

RATE = 16_000
WORDS = ("commands", "digits", "keywords")  # of which the transcripts are known

pytestmark = data.needs_data


def clips(seed, folders=WORDS):
    """Clips of the folders in a random order, each with its words and a short pause."""
    rng = np.random.default_rng(seed)
    rows = [
        (data.DATA / folder / row["file"], row.get("transcript") or "")
        for folder in folders
        for row in map(json.loads, (data.DATA / folder / "manifest.jsonl").read_text().splitlines())
    ]
    while True:
        for index in rng.permutation(len(rows)):
            path, text = rows[index]
            clip = read_clip(path, RATE)
            yield np.append(clip.waveform, np.zeros(rng.integers(RATE // 3), np.float32)), text


def joined(seconds, seed, folders=WORDS):
    parts, texts, samples = [], [], 0
    for waveform, text in clips(seed, folders):
        samples += len(waveform)
        if samples > seconds * RATE:
            break
        parts.append(waveform)
        texts.append(text)
    return np.concatenate(parts), " ".join(" ".join(texts).upper().split())


def distance(one, other):
    return edit_distance(one, other)


def test_two_minutes_have_the_text_of_one_pass():
    waveform, _ = joined(119, 0)
    once = voxport.load("commands", "cpu", whole_seconds=math.inf)
    assert (
        voxport.load("commands", "cpu").transcribe(waveform).text == once.transcribe(waveform).text
    )


@pytest.mark.slow
def test_windows_have_no_more_errors_than_one_pass():
    """The shipped model normalises over a whole run, so windows and one pass differ."""
    once = voxport.load("commands", "cpu", whole_seconds=math.inf)
    windowed = voxport.load("commands", "cpu", whole_seconds=0)
    errors, apart, total = {once: 0, windowed: 0}, 0, 0
    for seed in range(6):
        waveform, said = joined(115, seed)
        texts = {item: " ".join(item.transcribe(waveform).text.split()) for item in errors}
        for recognizer, text in texts.items():
            errors[recognizer] += distance(text, said)
        apart += distance(*texts.values())
        total += len(said)
    rates = {"once": errors[once], "windows": errors[windowed], "apart": apart}
    print(json.dumps({"cer": {name: count / total for name, count in rates.items()}}))
    assert errors[windowed] / total <= errors[once] / total + 0.005


@pytest.mark.slow
def test_an_hour_needs_the_memory_of_six_minutes(tmp_path):
    costs = []
    for seconds in (360, 3600):
        path = tmp_path / f"{seconds}.flac"
        with soundfile.SoundFile(path, "w", RATE, 1) as file:
            for waveform, _ in clips(0, ("commands", "digits", "sentences")):
                if file.frames >= seconds * RATE:
                    break
                file.write(waveform)
        costs.append(cost(path))
    (peak, spent), (peak_of_hour, spent_of_hour) = costs
    print(json.dumps({"bytes": [peak, peak_of_hour], "seconds": [spent, spent_of_hour]}))
    assert peak_of_hour <= 1.15 * peak
    assert spent_of_hour <= 10.5 * spent


def cost(path):
    """The peak of resident memory, in bytes, and the seconds of the command on a file."""
    code = "from voxport.cli import main; main()"
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", code, "transcribe", "commands", path, "-f", "json"],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024, time.monotonic() - start
