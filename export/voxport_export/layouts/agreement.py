"""Compare a layout's graph with the artifact that it was made from, whose parity is known.

Both get the package's golden clips: the artifact as they are, the layout's graph as its client
hands them on. One clip is also given far quieter and with an offset, as that is what a client's own
normalisation takes away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxport.audio.files import read_audio
from voxport.backends.onnx import start
from voxport.backends.providers import CPU
from voxport.decoding import greedy
from voxport.loading import open_artifact
from voxport.package.manifest import Artifact
from voxport.verification.comparison import TOLERANCE
from voxport_export.errors import ParityError
from voxport_export.layouts.protocol import Adapted, Agreement, Package

_QUIETER = np.float32(0.01)  # 40 dB
_OFFSET = np.float32(0.02)  # of full scale


@dataclass(frozen=True)
class _Clip:
    name: str
    waveform: NDArray[np.float32]  # (S,)
    emission: NDArray[np.float32]  # (frames, labels) that the artifact gives


def compare(adapted: Adapted, package: Package) -> Agreement:
    """Say how far the logits of a layout's graph are off.

    Raises:
        ParityError: too far, or another path is read from them.
    """
    clips = _answers(adapted.artifact, package)
    session = start(str(adapted.path), CPU)
    batches = [[clip] for clip in clips] + ([clips] if adapted.batches else [])
    tolerance, worst = _tolerance(adapted.artifact, package, clips), 0.0
    for batch in batches:
        feed = adapted.feed([clip.waveform for clip in batch])
        for clip, logits in zip(batch, session.run(["logits"], feed)[0], strict=True):
            difference = _difference(clip, logits, package.manifest.model.blank)
            if not difference <= tolerance:  # so that NaN is a problem too
                raise ParityError(
                    f"{adapted.path.name}: {clip.name}: logits differ by {difference:.1e} from "
                    f"those of {adapted.artifact.path}, more than {tolerance:.1e}: what the other "
                    "runtime does to a recording changes what this model answers"
                )
            worst = max(worst, difference)
    return Agreement(adapted.path.name, len(clips), worst, tolerance)


def _tolerance(artifact: Artifact, package: Package, clips: Sequence[_Clip]) -> float:
    """Rounding; with fewer bits, where rounding may tip a value over, what they cost anyway."""
    gate = package.manifest.gate_of(artifact)
    if gate is not None:
        return gate.difference_limit
    return TOLERANCE * min(float(np.abs(clip.emission).max(initial=1.0)) for clip in clips)


def _difference(clip: _Clip, logits: NDArray[np.float32], blank: int) -> float:
    """The largest of a clip's frames; infinite if what lies past them is not blank."""
    frames = len(clip.emission)
    if len(logits) < frames or greedy.decode(logits[frames:], blank).tokens:
        return float("inf")
    return float(np.abs(logits[:frames] - clip.emission).max(initial=0.0))


def _answers(artifact: Artifact, package: Package) -> list[_Clip]:
    backend = open_artifact(package.folder, artifact, provider="cpu")
    clips = []
    for name, waveform in _waveforms(package):
        lengths = np.array([len(waveform)], np.int64)
        emission = backend.run(waveform[None], lengths, ("emission",)).emission
        assert emission is not None
        clips.append(_Clip(name, waveform, emission[0]))
    return clips


def _waveforms(package: Package) -> list[tuple[str, NDArray[np.float32]]]:
    golden = package.manifest.golden
    found = [(c.path, read_audio(package.folder / c.path, c.path).waveform) for c in golden]
    name, waveform = max(found, key=lambda item: len(item[1]))
    found.append((f"{name}, 40 dB quieter", waveform * _QUIETER))
    found.append((f"{name}, with an offset", waveform + _OFFSET))
    return found
