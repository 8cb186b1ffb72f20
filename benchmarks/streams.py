"""Final words of streams beside the words of whole recordings: ``python -m benchmarks.streams``.

The recordings are random joins of the commands model's samples and, where it is there, of the
folder of ``VOXPORT_DATA``; seeds are fixed. Of each place where the words differ, it is counted
whether the model gives the whole recording's words at all while two seconds follow them: only then
could a stream have them in time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import voxport
from benchmarks.speech import DATA, RATE, ROOT
from voxport.audio.files import audio_files
from voxport.audio.recording import read_clip
from voxport.recognizer import Recognizer
from voxport.streaming import StreamDecoder
from voxport.transcript.transcript import Word

_SAMPLES = ROOT / "models/commands/samples"
_FOLDERS = ("commands", "digits", "keywords", "words", "phrases", "sentences")
_CLIPS = 7  # in a join
_LONGEST_PAUSE_S = 1.2
_LIMIT_S = 2.0  # within which a word is final


@dataclass
class Comparison:
    """Figures of all joins so far."""

    words: int = 0  # of the whole recordings
    differing: int = 0
    in_reach: int = 0  # of these, the model gave them with two seconds behind them
    audio_seconds: float = 0.0
    heard_seconds: float = 0.0  # of all clips that the streams ran
    delays: list[float] = field(default_factory=list)  # from a word's end until it was final

    def report(self) -> str:
        """Return one line of JSON."""
        values = asdict(self)
        delays = values.pop("delays") or [0.0]
        values["delay_max"] = round(max(delays), 2)
        values["delay_99"] = round(float(np.percentile(delays, 99)), 2)
        values["delay_mean"] = round(float(np.mean(delays)), 2)
        return json.dumps(values)


def find_sources() -> list[list[Path]]:
    """Return the recordings of each source."""
    folders = [_SAMPLES, *(DATA / name for name in _FOLDERS)]
    return [audio_files(folder) for folder in folders if folder.is_dir()]


def join(sources: list[list[Path]], seed: int) -> NDArray[np.float32]:
    """Return recordings of random sources with random pauses between them, (samples,)."""
    rng = np.random.default_rng(seed)
    parts: list[NDArray[np.float32]] = []
    for _ in range(_CLIPS):
        files = sources[rng.integers(len(sources))]
        parts.append(read_clip(files[rng.integers(len(files))], RATE).waveform)
        samples = int(rng.uniform(0, _LONGEST_PAUSE_S) * RATE)
        parts.append(rng.standard_normal(samples, np.float32) * np.float32(1e-4))
    return np.concatenate(parts)


def follow(
    recognizer: Recognizer, waveform: NDArray[np.float32], block: int, figures: Comparison
) -> Iterator[Word]:
    """Yield the final words of a stream in blocks of so many samples."""
    decoder = StreamDecoder(recognizer.manifest.model, RATE)
    for start in range(0, len(waveform) + block, block):
        if start < len(waveform):
            decoder.push(waveform[start : start + block])
        else:
            decoder.finish()
        given = min(start + block, len(waveform)) / RATE
        while (clip := decoder.next_clip()) is not None:
            figures.heard_seconds += len(clip) / RATE
            for event in decoder.take(recognizer.emission(clip)):
                for word in event.words if event.final else ():
                    figures.delays.append(given - word.end)
                    yield word


def compare(
    recognizer: Recognizer, waveform: NDArray[np.float32], block: int, figures: Comparison
) -> Iterator[str]:
    """Add a join to the figures; yield a line for each place that differs."""
    whole = recognizer.transcribe(waveform).words
    live = list(follow(recognizer, waveform, block, figures))
    figures.words += len(whole)
    figures.audio_seconds += len(waveform) / RATE
    texts = [word.text for word in whole], [word.text for word in live]
    for kind, a, b, c, d in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        end = max(word.end for word in (*whole[a:b], *live[c:d]))
        given = recognizer.transcribe(waveform[: int((end + _LIMIT_S) * RATE)]).words
        wanted = [(word.text, word.start) for word in whole[a:b]]
        reach = sum(any(_is_same(word, *want) for word in given) for want in wanted)
        count = max(b - a, d - c)
        figures.differing += count
        figures.in_reach += reach
        yield f"{end:.1f} s: {' '.join(texts[0][a:b])!r} is {' '.join(texts[1][c:d])!r}; {reach}"


def _is_same(word: Word, text: str, start: float) -> bool:
    return word.text == text and abs(word.start - start) <= 0.2


def main(
    package: Annotated[str, typer.Option(help="A folder or a shipped model.")] = "commands",
    words: Annotated[int, typer.Option(min=1, help="Words of the whole recordings.")] = 1000,
    block_ms: Annotated[int, typer.Option(min=1, help="Milliseconds of a block.")] = 250,
    shipped: Annotated[bool, typer.Option(help="Only the recordings of the repository.")] = False,
) -> None:
    """Compare the final words of streams with the words of whole recordings."""
    recognizer = voxport.load(package, provider="cpu", threads=1)
    sources = find_sources()[:1] if shipped else find_sources()
    figures = Comparison()
    seed = 0
    while figures.words < words:
        for line in compare(recognizer, join(sources, seed), block_ms * RATE // 1000, figures):
            print(f"join {seed}, {line}", flush=True)
        seed += 1
    print(figures.report())


if __name__ == "__main__":
    typer.run(main)
