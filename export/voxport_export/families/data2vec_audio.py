"""data2vec-audio: a stack of positional convolutions in the place of one."""

from __future__ import annotations

from voxport_export.families.family import Family
from voxport_export.families.torchaudio_shaped import GELU, convert

FAMILY = Family(
    "data2vec-audio",
    "Data2VecAudio",
    convert,
    needed={"hidden_act": GELU, "feat_extract_activation": GELU},
)
