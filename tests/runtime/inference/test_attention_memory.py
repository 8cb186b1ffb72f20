"""The estimate of a recording's memory: refuses impossible lengths and no others."""

import dataclasses

import pytest

from support import fakes
from voxport.inference import attention_memory
from voxport.machine import memory

RATE, STRIDE = 16_000, 320
COMMANDS = fakes.model(sample_rate=RATE, frame_stride=STRIDE, parameters=2_600_000)
BASE = dataclasses.replace(COMMANDS, parameters=94_000_000)


@pytest.mark.parametrize(
    ("model", "gigabytes", "seconds", "refused"),
    [
        (COMMANDS, 16, 60, False),
        (COMMANDS, 16, 600, False),  # needs 16 GB
        (COMMANDS, 16, 1200, True),
        (BASE, 16, 60, False),
        (BASE, 16, 345, False),  # needs 15 GB
        (BASE, 16, 600, True),
        (BASE, 1, 10, False),
        (BASE, 1, 120, True),
    ],
)
def test_recordings_beyond_the_free_memory_are_refused(
    monkeypatch, model, gigabytes, seconds, refused
):
    monkeypatch.setattr(memory, "available", lambda: gigabytes * 10**9)
    assert bool(attention_memory.find_shortage(1, seconds * RATE, model)) == refused


@pytest.mark.parametrize(("seconds", "fits"), [(60, True), (120, True), (250, False)])
def test_a_length_sure_to_fit_is_shorter_than_one_not_refused(monkeypatch, seconds, fits):
    monkeypatch.setattr(memory, "available", lambda: 16 * 10**9)
    assert attention_memory.is_sure_to_fit(seconds * RATE, BASE) == fits
    assert attention_memory.find_shortage(1, seconds * RATE, BASE) is None
    monkeypatch.setattr(memory, "available", lambda: None)
    assert attention_memory.is_sure_to_fit(10**12, BASE)


def test_the_message_names_a_length_that_fits(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 16 * 10**9)
    assert attention_memory.find_shortage(1, 600 * RATE, BASE) == (
        "10 min 0 s needs more than 28.8 GB to run at once, 16.0 GB are free; 3 min 40 s would fit"
    )
    assert attention_memory.find_shortage(1, 220 * RATE, BASE) is None


def test_nothing_is_refused_where_free_memory_is_unknown(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: None)
    assert attention_memory.find_shortage(1, 10**12, BASE) is None
