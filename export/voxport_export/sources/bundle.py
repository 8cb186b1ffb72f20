"""Bundles of ``torchaudio.pipelines`` with a Wav2Vec2 model, found in the module itself."""

from __future__ import annotations

import re
from typing import cast
from urllib.error import URLError

import torchaudio
from torchaudio.models import Wav2Vec2Model
from torchaudio.pipelines import Wav2Vec2ASRBundle, Wav2Vec2Bundle, Wav2Vec2FABundle

from voxport_export.errors import SourceError
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.sources.source import TORCHAUDIO_EPS, Source

PREFIX = "torchaudio:"
DELIMITER = "|"

# A licence in the words of torchaudio's documentation of the bundles, and its SPDX identifier
_LICENCES = {r"MIT License": "MIT", r"CC[ -]BY-NC[ -]4\.0": "CC-BY-NC-4.0"}


def bundles() -> dict[str, Wav2Vec2ASRBundle]:
    """Return every bundle with a CTC head, by name."""
    found = vars(torchaudio.pipelines).items()
    return {name: value for name, value in found if isinstance(value, Wav2Vec2ASRBundle)}


def backbones() -> dict[str, Wav2Vec2Bundle]:
    """Return every bundle without one, by name: Wav2Vec2, XLSR, HuBERT and WavLM as pre-trained."""
    found = vars(torchaudio.pipelines).items()
    return {
        name: value
        for name, value in found
        if isinstance(value, Wav2Vec2Bundle) and not isinstance(value, Wav2Vec2ASRBundle)
    }


def licence_of(bundle: Wav2Vec2Bundle) -> str:
    """Read the licence of the weights from torchaudio's documentation of the bundle."""
    text = bundle.__doc__ or ""
    for pattern, identifier in _LICENCES.items():
        if re.search(rf"under \[?`?{pattern}", text):
            return identifier
    return "not stated: see torchaudio's documentation of the bundle"


def load_bundle(name: str, allow_unused: bool = False) -> Source:  # noqa: ARG001
    """Load a bundle's weights, from torch's hub cache or by downloading them there.

    Args:
        name: of the bundle in ``torchaudio.pipelines``.
        allow_unused: has no effect: torchaudio's own files hold no such weights, and a file with
            some is not the bundle's.

    Raises:
        SourceError: the weights can be neither found nor downloaded, or do not fit.
    """
    bundle = {**backbones(), **bundles()}[name]
    # Never run code from a weights file; torch's progress bar would run into the exporter's steps.
    options = {"weights_only": True, "progress": False}
    aligner = isinstance(bundle, Wav2Vec2FABundle)
    try:
        if aligner:
            # The star token is for alignment: its score, 0, is above every log-probability, so
            # with it a greedy transcript would be nothing but stars.
            reference = bundle.get_model(with_star=False, dl_kwargs=options)
        else:
            reference = bundle.get_model(dl_kwargs=options)
    except URLError as error:
        raise SourceError(
            f"the weights of {name} are not in torch's hub cache and cannot be downloaded: "
            f"{error.reason}; connect, or put the file there (TORCH_HOME names the cache)"
        ) from error
    except Exception as error:  # a damaged or hostile file can fail in any way
        reason = " ".join(str(error).split())  # names weights that are missing or not used
        raise SourceError(f"the weights of {name} cannot be loaded: {reason}") from error
    labels = _labels(bundle)
    model = cast("Wav2Vec2Model", getattr(reference, "model", reference))
    normalize_eps = TORCHAUDIO_EPS if bundle._normalize_waveform else None
    return Source(
        name=name,
        origin=PREFIX + name,
        licence=licence_of(bundle),
        model=AcousticModel.from_torchaudio(model, normalize_eps),
        reference=reference,
        labels=labels,
        blank=0,
        word_delimiter=DELIMITER if DELIMITER in labels else None,
        sample_rate=int(bundle.sample_rate),
        normalize_eps=normalize_eps,
        log_probs=aligner,
    )


def _labels(bundle: Wav2Vec2Bundle) -> tuple[str, ...]:
    if isinstance(bundle, Wav2Vec2FABundle):
        return tuple(bundle.get_labels(star=None))
    return tuple(bundle.get_labels()) if isinstance(bundle, Wav2Vec2ASRBundle) else ()
