"""Fixtures of the tests of ``voxport transcribe``."""

import io

import numpy as np
import pytest
import soundfile

import voxport
from support.command import SEVEN, YES
from voxport.audio import files as audio_files


@pytest.fixture(scope="session")
def spoken(exported):
    """The package's texts of the two samples."""
    recognizer = voxport.load(exported, provider="cpu")
    return [transcript.text for transcript in recognizer.transcribe([YES, SEVEN])]


@pytest.fixture
def bad(tmp_path):
    """A file of every bad kind, by name, and the reason that is expected."""
    (tmp_path / "empty.wav").touch()
    (tmp_path / "letter.wav").write_text("Dear reader, this is no recording. " * 99)
    (tmp_path / "cut.flac").write_bytes(YES.read_bytes()[:9000])
    (tmp_path / "cut.wav").write_bytes(SEVEN.read_bytes()[:9000])
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "no-samples.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    return tmp_path


@pytest.fixture
def failing(monkeypatch):
    """Make the bytes of SEVEN come to an error after the first few."""

    def fail(error):
        class Failing(io.BytesIO):
            def read(self, size=-1):
                if self.tell() > 1000:
                    raise error
                return super().read(min(size, 1000))

        def stream(source):
            return Failing(SEVEN.read_bytes()) if source == SEVEN else opened(source)

        opened = audio_files._stream
        monkeypatch.setattr(audio_files, "_stream", stream)

    return fail
