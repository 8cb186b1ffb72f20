"""Golden clips of a package: recordings with the eager model's answers.

A clip is kept as 16-bit samples at the model's rate. The eager model answered these exact samples,
so any host can check itself without torch and without a resampler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voxport.audio.files import Audio, read_audio
from voxport.audio.resample import resample
from voxport.package.integrity import file_entry
from voxport.package.manifest import FileEntry, GoldenAnswer, GoldenClip, GoldenFeatures
from voxport.verification.comparison import Expected, ExpectedAnswer, ExpectedFeatures
from voxport.verification.references import ReferenceClip

_FULL_SCALE = 32768  # 16-bit samples are multiples of 1 / 32768


def read_recordings(paths: Sequence[Path]) -> dict[str, Audio]:
    """Read recordings at their own rates, by path."""
    return {str(path): read_audio(path) for path in paths}


def resample_recordings(files: Mapping[str, Audio], sample_rate: int) -> list[ReferenceClip]:
    """Convert recordings to 16-bit samples at the model's rate."""
    return [_quantize(name, audio, sample_rate) for name, audio in files.items()]


def write_golden(
    folder: Path, expected: Sequence[Expected], sample_rate: int
) -> tuple[GoldenClip, ...]:
    """Write each clip as wav and its emission as npy into ``folder``."""
    entries = []
    for index, one in enumerate(expected):
        emission = folder / f"golden-{index}.npy"
        np.save(emission, one.emission, allow_pickle=False)
        entry = _write_wav(folder / f"golden-{index}.wav", one.waveform, sample_rate)
        entries.append(
            GoldenClip(
                path=entry.path,
                bytes=entry.bytes,
                sha256=entry.sha256,
                seconds=len(one.waveform) / sample_rate,
                transcript=one.transcript,
                tokens=one.tokens or (),
                token_starts=one.starts or (),
                token_ends=one.ends or (),
                frames=len(one.emission),
                emission=file_entry(emission),
            )
        )
    return tuple(entries)


def write_golden_features(
    folder: Path, expected: Sequence[ExpectedFeatures], sample_rate: int
) -> GoldenFeatures:
    """Write the shortest clip with at least one frame, and its features as npy.

    One is enough to find a host with other arithmetic; all would be as large as the model.
    """
    with_frames = [one for one in expected if one.layers.shape[1]]
    one = min(with_frames, key=lambda item: len(item.waveform))
    values = folder / "golden-features.npy"
    np.save(values, one.layers, allow_pickle=False)
    entry = _write_wav(folder / "golden-features.wav", one.waveform, sample_rate)
    return GoldenFeatures(
        path=entry.path,
        bytes=entry.bytes,
        sha256=entry.sha256,
        seconds=len(one.waveform) / sample_rate,
        frames=one.layers.shape[1],
        values=file_entry(values),
    )


def write_golden_answers(
    folder: Path, expected: Sequence[ExpectedAnswer], sample_rate: int
) -> tuple[GoldenAnswer, ...]:
    """Write each clip as wav and its logits or embedding as npy into ``folder``."""
    entries = []
    for index, one in enumerate(expected):
        values = folder / f"golden-{index}.npy"
        np.save(values, one.values, allow_pickle=False)
        entry = _write_wav(folder / f"golden-{index}.wav", one.waveform, sample_rate)
        entries.append(
            GoldenAnswer(
                path=entry.path,
                bytes=entry.bytes,
                sha256=entry.sha256,
                seconds=len(one.waveform) / sample_rate,
                label=one.label,
                values=file_entry(values),
                frames=len(one.values) if one.values.ndim > 1 else 0,
            )
        )
    return tuple(entries)


def _write_wav(path: Path, waveform: NDArray[np.float32], sample_rate: int) -> FileEntry:
    samples = (waveform * _FULL_SCALE).astype(np.int16)
    soundfile.write(path, samples, sample_rate, subtype="PCM_16")
    return file_entry(path)


def _quantize(name: str, audio: Audio, sample_rate: int) -> ReferenceClip:
    waveform = resample(audio.waveform, audio.sample_rate, sample_rate)
    samples = np.clip(np.round(waveform * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
    return ReferenceClip(name, (samples / _FULL_SCALE).astype(np.float32))
