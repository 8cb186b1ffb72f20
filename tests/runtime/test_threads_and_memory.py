"""One recognizer in long use: many threads at once, and memory over many lengths."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import voxport

# Lengths, each its own. Resident memory after some of them and after all.
SOAK = """
import sys, voxport, numpy
from voxport.benchmark.usage import resident_memory
recognizer = voxport.load("commands", sys.argv[1], threads=1)
noise = numpy.random.default_rng(0).standard_normal(9600).astype("float32")
settled, last = map(int, sys.argv[2:])
for count in range(last):
    if count == settled:
        print(resident_memory())
    recognizer.transcribe(noise[: 400 + 4 * count])
print(resident_memory())
"""


@pytest.mark.parametrize("artifact", ["onnx", "torchscript"])
def test_eight_threads_share_a_recognizer(exported, artifact):
    recognizer = voxport.load(exported, provider="cpu", artifact=artifact)
    rng = np.random.default_rng(1)
    waveforms = [rng.uniform(-1, 1, n).astype(np.float32) for n in range(2000, 34000, 1000)]
    expected = [recognizer.transcribe(waveform) for waveform in waveforms]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(recognizer.transcribe, waveforms * 3))
    assert found == expected * 3
    assert len({transcript.text for transcript in expected}) > 20


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
@pytest.mark.parametrize(
    ("provider", "settled", "last", "growth"),
    [
        ("cpu", 200, 1600, 3_000_000),  # with onnxruntime's defaults 8 MB: a plan for every length
        ("openvino", 1900, 2200, 30_000_000),  # with OpenVINO's own 5 000 kernels 170 MB
    ],
)
def test_memory_does_not_grow_with_every_new_length(provider, settled, last, growth):
    if provider == "openvino":
        pytest.importorskip("openvino")
    given = [sys.executable, "-c", SOAK, provider, str(settled), str(last)]
    done = subprocess.run(given, capture_output=True, text=True, check=True)
    early, late = map(int, done.stdout.split())
    assert late - early < growth
