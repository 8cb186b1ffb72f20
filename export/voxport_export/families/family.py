"""Description of one family of transformers' models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from voxport_export.graph.acoustic_model import AcousticModel

CTC = "ForCTC"  # ending of the classes with a CTC head
BASE = "Model"  # of those without a head


@dataclass(frozen=True)
class Family:
    """A family: how transformers calls it, and how its eager model becomes the graph's.

    ``convert`` maps an eager model of transformers and its feature extractor to the graph's; the
    weights are shared, not copied.
    """

    model_type: str  # of config.json
    classes: str  # beginning of its classes' names: "Wav2Vec2"
    convert: Callable[[Any, Any], AcousticModel]
    # Settings without a counterpart in the graph by default, and the values that need none; the
    # first is transformers' default.
    needed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    # Any other reason against the settings of config.json; None: there is none
    refuse: Callable[[Mapping[str, Any]], str | None] = lambda _: None
    extractor: str = "Wav2Vec2FeatureExtractor"  # class of its feature extractor
    # Number of frames of an answer, from the eager model and its inputs; None: all of its frames
    answered_frames: Callable[[Any, Mapping[str, Any]], int | None] = lambda *_: None
    other_classes: Mapping[str, str] = field(default_factory=dict)  # by ending: irregular names

    def class_name(self, ending: str) -> str:
        """Return the name of transformers' class: ``ending`` is "ForCTC", "Model" …"""
        return self.other_classes.get(ending, self.classes + ending)

    def reason_against(self, settings: Mapping[str, Any]) -> str | None:
        """Return the reason why a model of these settings cannot be exported; None: it can."""
        return find_unsupported(settings, self.needed) or self.refuse(settings)


def find_unsupported(
    settings: Mapping[str, Any], needed: Mapping[str, tuple[Any, ...]]
) -> str | None:
    """Return the reason against the first setting without a part in the graph; None: all have one.

    Args:
        settings: by name.
        needed: the values that have one, the default of a setting left out first.
    """
    for setting, values in needed.items():
        value = settings.get(setting, values[0])
        if value not in values:
            return (
                f"{setting} = {value!r} is not supported (only "
                f"{' or '.join(map(repr, values))}): voxport's graph has no such part"
            )
    return None


def normalize_eps(extractor: Any) -> float | None:
    """Return the epsilon of the waveform's normalisation by ``Wav2Vec2FeatureExtractor``.

    transformers adds it to the variance in ``zero_mean_unit_var_norm``; None: no normalisation.
    """
    return 1e-7 if getattr(extractor, "do_normalize", False) else None
