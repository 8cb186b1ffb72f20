"""Transcribe files with Triton, padded to a few lengths so that requests share batches.

    pip install "tritonclient[grpc]" soundfile
    python client.py MODEL FILE... [--url localhost:8001] [--concurrency 32]

Triton's dynamic batcher joins requests whose waveforms have one shape. Padding to a few lengths
gives it some, and changes no answer: the graph ignores all samples past ``lengths``.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
import tritonclient.grpc as triton

SAMPLE_RATE = 16_000  # Hz, the model's
# Seconds. Each is at most half longer than the one before: at most a third of a batch is padding,
# an eighth at the mean, and sixteen shapes are all that an engine must know.
LENGTHS_S = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 26, 32, 40)


def padded_samples(samples: int) -> int:
    """Return the length that a waveform of so many samples is padded to."""
    for seconds in LENGTHS_S:
        if samples <= seconds * SAMPLE_RATE:
            return int(seconds * SAMPLE_RATE)
    raise ValueError(f"expected at most {LENGTHS_S[-1]} s, got {samples / SAMPLE_RATE:.1f} s")


def read_waveform(path: str) -> np.ndarray:
    """Read a mono recording at the model's rate."""
    waveform, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != SAMPLE_RATE or waveform.shape[1] != 1:
        raise ValueError(f"{path}: expected mono of {SAMPLE_RATE} Hz (ffmpeg -ac 1 -ar 16000)")
    return waveform[:, 0]


def transcribe(client: "triton.InferenceServerClient", model: str, path: str) -> str:
    """Transcribe one file."""
    waveform = read_waveform(path)
    row = np.zeros((1, padded_samples(len(waveform))), np.float32)
    row[0, : len(waveform)] = waveform
    lengths = np.array([[len(waveform)]], np.int64)
    inputs = [
        triton.InferInput("waveform", row.shape, "FP32").set_data_from_numpy(row),
        triton.InferInput("lengths", lengths.shape, "INT64").set_data_from_numpy(lengths),
    ]
    wanted = [triton.InferRequestedOutput("transcript")]
    answer = client.infer(model, inputs, outputs=wanted)
    return answer.as_numpy("transcript").reshape(-1)[0].decode("utf-8")


def main() -> None:
    """Transcribe files, many at a time, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--url", default="localhost:8001")
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args()
    client = triton.InferenceServerClient(options.url)
    with ThreadPoolExecutor(options.concurrency) as threads:
        texts = threads.map(lambda path: transcribe(client, options.model, path), options.files)
        for path, text in zip(options.files, texts, strict=True):
            print(f"{path}: {text}")


if __name__ == "__main__":
    main()
