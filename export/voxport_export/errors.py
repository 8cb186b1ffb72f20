"""Errors of an export. The base class is the runtime's, so one ``except`` serves both."""

from voxport.errors import VoxportError


class ExportError(VoxportError, RuntimeError):
    """The export cannot be made, or failed."""


class SourceError(ExportError, ValueError):
    """The model cannot be read, or voxport does not export its kind."""


class ParityError(ExportError):
    """The exported file differs from the eager model; no package was written."""


class BlankError(ExportError):
    """Another label than the blank is the most frequent; no package was written."""


class LowPrecisionError(ExportError):
    """A low-precision artifact loses too much or is not faster; it was not written."""
