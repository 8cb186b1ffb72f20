"""runtime/web: the module for Node and the page pass their own tests."""

import os
import re

import numpy as np
import pytest

from support import data, web
from voxport.audio.resample import resample


@pytest.fixture(scope="session", autouse=True)
def built():
    """The module, compiled."""
    web.build()


def test_types():
    web.npm("run", "check")


def test_node():
    """Golden clips, bad recordings, bad packages, the README's example."""
    assert re.search(r"pass [1-9]", web.npm("test"))


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 44100, 48000, 44101])
def test_resampling_is_that_of_the_python_runtime(tmp_path, rate):
    waveform = np.random.default_rng(rate).uniform(-1, 1, 12345).astype(np.float32)
    (tmp_path / "in").write_bytes(waveform.tobytes())
    web.node(
        """
        import { readFileSync, writeFileSync } from "node:fs";
        import { resample } from "voxport";
        const [input, output, rate] = process.argv.slice(1);
        const waveform = new Float32Array(Uint8Array.from(readFileSync(input)).buffer);
        writeFileSync(output, new Uint8Array(resample(waveform, Number(rate), 16000).buffer));
        """,
        tmp_path / "in",
        tmp_path / "out",
        rate,
    )
    result = np.fromfile(tmp_path / "out", np.float32)
    np.testing.assert_allclose(result, resample(waveform, rate, 16000), rtol=0, atol=1e-5)


def test_page():
    """The same in Chromium; the built page with recordings, a microphone, packages, no network."""
    if reason := web.no_chromium():
        pytest.skip(f"the page is not tried here: {reason}")
    web.npm("run", "page")
    environment = {**os.environ, "VOXPORT_DATA": str(data.DATA)}
    assert re.search(r"pass [1-9]", web.npm("run", "test:page", environment=environment))
