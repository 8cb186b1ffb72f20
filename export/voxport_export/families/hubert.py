"""HuBERT."""

from __future__ import annotations

from voxport_export.families.family import Family
from voxport_export.families.torchaudio_shaped import NEEDED, convert

FAMILY = Family("hubert", "Hubert", convert, needed=NEEDED)
