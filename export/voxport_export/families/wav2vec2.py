"""Wav2Vec2: XLSR, MMS and most fine-tuned models."""

from __future__ import annotations

from voxport_export.families.family import Family
from voxport_export.families.torchaudio_shaped import NEEDED, convert

FAMILY = Family("wav2vec2", "Wav2Vec2", convert, needed=NEEDED)
