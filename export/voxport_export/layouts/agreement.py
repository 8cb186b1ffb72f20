"""Comparison of a layout's graph with the artifact it was made from.

Both get the package's golden clips: the artifact as they are, the layout's graph as its client
hands them on. One clip is also given 40 dB quieter and with an offset: a client's own normalisation
takes both away. Parity of the artifact itself is known already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxport.audio.files import read_audio
from voxport.backends.onnx import create_session
from voxport.backends.open import open_artifact
from voxport.backends.providers import CPU
from voxport.decoding import greedy
from voxport.package.manifest import Artifact
from voxport.verification.comparison import TOLERANCE
from voxport_export.errors import ParityError
from voxport_export.layouts.protocol import Agreement, ClientGraph, LayoutSource

_QUIETER_GAIN = np.float32(0.01)  # -40 dB
_OFFSET = np.float32(0.02)  # as a share of full scale


@dataclass(frozen=True)
class _Clip:
    name: str
    waveform: NDArray[np.float32]  # (S,)
    emission: NDArray[np.float32]  # (frames, labels), the artifact's


def compare_with_package(graph: ClientGraph, package: LayoutSource) -> Agreement:
    """Measure the difference between the logits of a layout's graph and the package's.

    Raises:
        ParityError: it is too large, or the greedy path is another one.
    """
    clips = _artifact_answers(graph.artifact, package)
    session = create_session(graph.path, CPU)
    batches = [[clip] for clip in clips] + ([clips] if graph.batches else [])
    tolerance, worst = _tolerance(graph.artifact, package, clips), 0.0
    for batch in batches:
        feed = graph.client_input([clip.waveform for clip in batch])
        for clip, logits in zip(batch, session.run(["logits"], feed)[0], strict=True):
            difference = _difference(clip, logits, package.manifest.model.blank)
            if not difference <= tolerance:  # so that NaN is a problem too
                raise ParityError(
                    f"{graph.path.name}: {clip.name}: logits differ by {difference:.1e} from "
                    f"those of {graph.artifact.path}, more than {tolerance:.1e}: what the other "
                    "runtime does to a recording changes what this model answers"
                )
            worst = max(worst, difference)
    return Agreement(graph.path.name, len(clips), worst, tolerance)


def _tolerance(artifact: Artifact, package: LayoutSource, clips: Sequence[_Clip]) -> float:
    """Return the bound on rounding; for a low precision, its own measured loss.

    There a rounded sum may tip a value over to the next step.
    """
    gate = package.manifest.gate_of(artifact)
    if gate is not None:
        return gate.difference_limit
    return TOLERANCE * min(float(np.abs(clip.emission).max(initial=1.0)) for clip in clips)


def _difference(clip: _Clip, logits: NDArray[np.float32], blank: int) -> float:
    """Return the largest difference of a clip; infinite if frames past its end are not blank."""
    frames = len(clip.emission)
    if len(logits) < frames or greedy.decode(logits[frames:], blank).tokens:
        return float("inf")
    return float(np.abs(logits[:frames] - clip.emission).max(initial=0.0))


def _artifact_answers(artifact: Artifact, package: LayoutSource) -> list[_Clip]:
    backend = open_artifact(package.folder, artifact, provider="cpu")
    clips = []
    for name, waveform in _test_waveforms(package):
        lengths = np.array([len(waveform)], np.int64)
        emission = backend.run(waveform[None], lengths, ("emission",)).emission
        assert emission is not None
        clips.append(_Clip(name, waveform, emission[0]))
    return clips


def _test_waveforms(package: LayoutSource) -> list[tuple[str, NDArray[np.float32]]]:
    golden = package.manifest.golden
    found = [(c.path, read_audio(package.folder / c.path).waveform) for c in golden]
    name, waveform = max(found, key=lambda item: len(item[1]))
    found.append((f"{name}, 40 dB quieter", waveform * _QUIETER_GAIN))
    found.append((f"{name}, with an offset", waveform + _OFFSET))
    return found
