"""voxport: waveform in, transcript out, without torch."""

__version__ = "0.1.0"
