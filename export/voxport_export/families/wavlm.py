"""WavLM: gated relative positions in every layer."""

from __future__ import annotations

from voxport_export.families.family import Family
from voxport_export.families.torchaudio_shaped import NEEDED, convert

FAMILY = Family("wavlm", "WavLM", convert, needed=NEEDED)
