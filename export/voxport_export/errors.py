"""What can go wrong in an export; the base class is the runtime's, so one ``except`` serves."""

from voxport.errors import VoxportError


class ExportError(VoxportError, RuntimeError):
    """The export cannot be made, or failed; nothing was written."""


class SourceError(ExportError, ValueError):
    """The model cannot be read, or is not one that voxport exports."""


class ParityError(ExportError):
    """The exported file does not answer as eager torchaudio does; no package was written."""


class GateError(ExportError):
    """An artifact of fewer bits loses too much or is not faster; no package was written."""
