"""Uploads decoded in another process: the same samples, and limits that hold."""

import io
import os
import signal
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.serving import SAMPLES
from voxport.audio.recording import open_recording
from voxport.errors import AudioFileError
from voxport.serving import decoders as decoders_module
from voxport.serving.decoders import Decoders

SAMPLE = SAMPLES / "one-two-three.flac"


@pytest.fixture(scope="module")
def decoders():
    found = Decoders()
    yield found
    found.close()


@contextmanager
def upload(content):
    with tempfile.SpooledTemporaryFile(1 << 20) as file:
        file.write(content)
        yield file


def read(decoders, content):
    with upload(content) as file, decoders.open(file, 16_000) as recording:
        return recording.read_all()


def wav(seconds, rate=16_000):
    file = io.BytesIO()
    soundfile.write(file, np.full(int(seconds * rate), 0.1, np.float32), rate, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_samples_are_those_of_this_process(decoders, rate):
    content = wav(1.5, rate)
    with open_recording(content, 16_000) as recording:
        expected = recording.read_all()
    found = read(decoders, content)
    np.testing.assert_array_equal(found.waveform, expected.waveform)
    assert found.seconds == expected.seconds


def test_a_process_is_used_again(decoders):
    read(decoders, SAMPLE.read_bytes())
    first = decoders._idle[-1]._process.pid
    read(decoders, SAMPLE.read_bytes())
    assert decoders._idle[-1]._process.pid == first


def test_many_clips_at_once_share_few_processes():
    few, found = Decoders(), []

    def run():
        for _ in range(5):
            found.append(len(read(few, SAMPLE.read_bytes()).waveform))

    threads = [threading.Thread(target=run) for _ in range(16)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(found) == {len(read(few, SAMPLE.read_bytes()).waveform)}
        assert len(found) == 80
        assert few._count == len(few._idle) <= decoders_module._KEPT_IDLE
    finally:
        few.close()


def test_what_is_no_audio_has_the_same_reason_and_ends_no_process(decoders):
    read(decoders, SAMPLE.read_bytes())
    first = decoders._idle[-1]._process.pid
    with pytest.raises(AudioFileError, match="not audio that libsndfile"):
        read(decoders, b"nonsense" * 99)
    with pytest.raises(AudioFileError, match="truncated"):
        read(decoders, wav(2)[:30_000])
    assert decoders._idle[-1]._process.pid == first


def test_a_recording_that_is_not_read_to_its_end_ends_its_process(decoders):
    read(decoders, SAMPLE.read_bytes())
    process = decoders._idle[-1]._process
    with upload(wav(60)) as file, decoders.open(file, 16_000) as recording:
        recording.read(1000)
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL
    assert len(read(decoders, SAMPLE.read_bytes()).waveform) > 0


def test_a_crashed_process_is_an_error_of_one_request(decoders):
    read(decoders, SAMPLE.read_bytes())
    os.kill(decoders._idle[-1]._process.pid, signal.SIGSEGV)
    with pytest.raises(AudioFileError, match="its decoding was ended"):
        read(decoders, SAMPLE.read_bytes())
    assert len(read(decoders, SAMPLE.read_bytes()).waveform) > 0


def test_the_file_of_a_killed_process_is_decoded_by_another(decoders):
    expected = read(decoders, SAMPLE.read_bytes()).waveform
    os.kill(decoders._idle[-1]._process.pid, signal.SIGKILL)
    np.testing.assert_array_equal(read(decoders, SAMPLE.read_bytes()).waveform, expected)


def test_a_process_killed_within_a_file_loses_and_repeats_no_sample(decoders):
    content = wav(400)
    expected = read(decoders, content).waveform
    process = decoders._idle[-1]._process
    with upload(content) as file, decoders.open(file, 16_000) as recording:
        first = recording.read(100_000)
        os.kill(process.pid, signal.SIGKILL)
        rest = recording.read_all().waveform
    np.testing.assert_array_equal(np.concatenate([first, rest]), expected)


def test_a_file_whose_processes_are_all_killed_is_an_error(decoders, monkeypatch):
    monkeypatch.setattr(decoders_module._Decoder, "_receive", lambda self: self.end() or (b"", b""))
    with pytest.raises(AudioFileError, match="its decoding was ended"):
        read(decoders, SAMPLE.read_bytes())


def test_more_memory_than_allowed_is_refused():
    """A header of 64 channels: a block of it takes 16 MB, and 4 are allowed."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros((60_000, 64), np.float32) + 0.1, 16_000, format="WAV")
    small = Decoders(memory_bytes=4_000_000)
    try:
        with pytest.raises(AudioFileError, match="memory"):
            read(small, file.getvalue())
    finally:
        small.close()


def test_more_time_than_allowed_is_refused(monkeypatch):
    monkeypatch.setattr(decoders_module, "_CPU_SECONDS", 0.0)
    file, minute = io.BytesIO(), np.full(60 * 16_000, 9, np.int16)
    with soundfile.SoundFile(file, "w", 16_000, 1, format="FLAC") as flac:
        for _ in range(180):  # the kernel counts whole seconds
            flac.write(minute)
    quick = Decoders(audio_seconds=0)
    try:
        with pytest.raises(AudioFileError, match="time than allowed"):
            read(quick, file.getvalue())
    finally:
        quick.close()


def test_a_decoder_sees_no_key(decoders, monkeypatch):
    monkeypatch.setenv("VOXPORT_API_KEYS", "a:secret-secret-secret")
    fresh = Decoders()
    pid = fresh._idle[0]._process.pid
    assert b"secret-secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    fresh.close()
