"""Write ``vectors.json``: what the Python runtime answers with the shipped package."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import voxport
from voxport.audio.recording import open_recording
from voxport.transcript.formats import round_number

FOLDER = Path(__file__).parent
SAMPLES = FOLDER.parents[1] / "models" / "commands" / "samples"
JOINED = ("one-two-three", "left-right", "noise", "four-zero-nine", "yes", "no-down-off-on")
WHOLE_SECONDS, WINDOW_SECONDS = 6.0, 5.0
TEXT = "one two three"


def answer(transcript: voxport.Transcript) -> dict[str, Any]:
    """Return the text, and words and tokens as [text, start, end, score]."""
    parts = {"words": transcript.words, "tokens": transcript.tokens}
    rows = {
        name: [
            [part.text, *map(round_number, (part.start, part.end, part.score))] for part in found
        ]
        for name, found in parts.items()
    }
    duration = round_number(transcript.duration)
    return {"text": transcript.text, "duration": duration, **rows}


def joined() -> "np.ndarray[Any, np.dtype[np.int16]]":
    """Return the samples of ``JOINED``, three times over, at 16 kHz."""
    clips = [soundfile.read(SAMPLES / f"{name}.flac", dtype="int16")[0] for name in JOINED]
    return np.concatenate(3 * clips)


def changed(refusal: dict[str, Any]) -> bytes | None:
    """Return the bytes of a refusal's file; None: there is none."""
    if "bytes" in refusal:
        return base64.b64decode(refusal["bytes"])
    if "sample" not in refusal:
        return None
    content = bytearray((SAMPLES / refusal["sample"]).read_bytes())
    if "flip" in refusal:
        content[refusal["flip"]] ^= 1
    return bytes(content[: refusal.get("cut")])


def refusals() -> list[dict[str, Any]]:
    """Return recordings that every host refuses."""
    size = {
        name: (SAMPLES / name).stat().st_size for name in ("yes.flac", "seven.wav", "go-up.ogg")
    }
    wrong: list[dict[str, Any]] = [{"name": "missing"}]
    for name, count in size.items():
        wrong += [{"name": f"half of {name}", "sample": name, "cut": count // 2}]
    for name in ("yes.flac", "go-up.ogg"):
        wrong += [{"name": f"a bit of {name}", "sample": name, "flip": size[name] // 2}]
    contents = {"empty": b"", "text": b"not audio\n" * 20}
    for name, samples, rate in (
        ("not numbers", np.full(160, np.nan, np.float32), 16000),
        ("too loud", np.full(160, 1e11, np.float32), 16000),
        ("no samples", np.zeros(0, np.float32), 16000),
        ("a rate of 100 Hz", np.zeros(160, np.float32), 100),
    ):
        file = io.BytesIO()
        soundfile.write(file, samples, rate, subtype="FLOAT", format="WAV")
        contents[name] = file.getvalue()
    for name, content in contents.items():
        wrong.append({"name": name, "bytes": base64.b64encode(content).decode()})
    return wrong


def kind_of(recognizer: voxport.Recognizer, refusal: dict[str, Any]) -> str:
    """Return the class of the error; a refusal that is none is a mistake here."""
    content = changed(refusal)
    try:
        recognizer.transcribe("missing.wav" if content is None else content)
    except voxport.VoxportError as error:
        return type(error).__name__
    raise AssertionError(f"{refusal['name']} is transcribed")


def windows() -> dict[str, Any]:
    """Return a recording in windows: the cuts, the seams, the transcript."""
    recognizer = voxport.load(
        "commands",
        provider="cpu",
        whole_seconds=WHOLE_SECONDS,
        window_seconds=WINDOW_SECONDS,
    )
    audio = joined()
    found = list(recognizer.windows(open_recording(audio, 16000)))
    emissions = ((window, recognizer.emission(window.waveform)) for window in found)
    return {
        "joined": JOINED,
        "times": 3,
        "whole_seconds": WHOLE_SECONDS,
        "window_seconds": WINDOW_SECONDS,
        "windows": [[window.first, len(window.waveform), window.cut] for window in found],
        "parts": [len(part) for part in recognizer.join_emission(emissions)],
        "answer": answer(recognizer.transcribe(audio)),
    }


def generate() -> dict[str, Any]:
    """Return all vectors."""
    recognizer = voxport.load("commands", provider="cpu")
    names = sorted(path.name for path in SAMPLES.iterdir() if path.suffix != ".jsonl")
    aligned = recognizer.align(SAMPLES / "one-two-three.flac", TEXT)
    return {
        "recordings": [
            {"file": name, "answer": answer(recognizer.transcribe(SAMPLES / name))}
            for name in names
        ],
        "windows": windows(),
        "alignments": [
            {"file": "one-two-three.flac", "text": TEXT, "answer": answer(aligned)},
        ],
        "refusals": [{**item, "kind": kind_of(recognizer, item)} for item in refusals()],
    }


if __name__ == "__main__":
    text = json.dumps(generate(), ensure_ascii=False, indent=1)
    (FOLDER / "vectors.json").write_text(text + "\n", encoding="utf-8")
