"""Errors raised by voxport on purpose.

One base class: one ``except voxport.VoxportError`` is enough, and the command can tell an expected
failure (a message) from a defect (a traceback). Each class also inherits a builtin, for callers
without knowledge of voxport. Messages say what was given, what was expected and what to do. A
message is raised without its subject; the front door knows the caller's name for it and attaches it
once, with ``naming``. Knows nothing of the places of failure.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

_E = TypeVar("_E", bound="VoxportError")


class VoxportError(Exception):
    """Base class of all errors raised by voxport on purpose.

    Attributes:
        reason: the message without its subject.
        subject: the file, ``audio[3]`` or other thing at fault; None without one. ``str`` of the
            error is "subject: reason", or the reason alone.
    """

    def __init__(self, reason: str, subject: object = None) -> None:
        self.reason = reason
        self.subject = None if subject is None else str(subject)
        super().__init__(reason if subject is None else f"{subject}: {reason}")

    def about(self: _E, subject: object) -> _E:
        """Return this error with ``subject`` in front of its message, unless it is there."""
        if self.subject == str(subject):
            return self
        error = type(self)(str(self), subject)
        error.__cause__ = self.__cause__
        return error


class PackageError(VoxportError, ValueError):
    """Unusable package: its manifest or one of its files is not as it must be."""


class PackageNotFoundError(PackageError, FileNotFoundError):
    """Missing package: no folder at the path, no manifest in it, or a listed file is missing."""


class ManifestError(PackageError):
    """Invalid manifest: not JSON, not of this format, or with fields other than published."""


class LaterVersionError(ManifestError):
    """Manifest written by a later voxport."""


class IntegrityError(PackageError):
    """File with other bytes than the manifest records."""


class SignatureError(PackageError):
    """Package without a signature of somebody trusted, or with other files than the signed ones."""


class UnknownModelError(VoxportError, LookupError):
    """Name of neither a folder nor a shipped model."""


class HubError(PackageError, ConnectionError):
    """Package that the Hugging Face Hub does not give or take: gated, no network, no token."""


class ArtifactUnavailableError(PackageError):
    """Package without an artifact of the requested kind or precision."""


class MissingDependencyError(VoxportError, ImportError):
    """Missing optional dependency; the message holds the command to install it."""


class ProviderUnavailableError(VoxportError, RuntimeError):
    """Requested execution provider that cannot run here."""


class InferenceError(VoxportError, RuntimeError):
    """Failure of a backend to load an artifact or to run it."""


class EngineCrashError(InferenceError):
    """Crash of the process that an isolated artifact runs in, or its end by somebody else."""


class InputError(VoxportError, ValueError):
    """Invalid argument: a wrong shape, a sample rate of 0, an unknown option."""


class AlignmentError(InputError):
    """Text that cannot be aligned with its recording."""


class AudioError(InputError):
    """Audio that cannot be transcribed."""


class AudioFileError(AudioError, OSError):
    """File that cannot be read as audio; the message names the file and the reason."""


class AudioNotFoundError(AudioFileError, FileNotFoundError):
    """Missing audio file."""


class VerificationError(VoxportError, RuntimeError):
    """Impossible comparison (a difference found is a result, not an error)."""


class OutputError(VoxportError, OSError):
    """Result that cannot be written."""


@contextmanager
def naming(subject: object) -> Generator[None, None, None]:
    """Put ``subject`` in front of the message of any ``VoxportError`` raised within the block."""
    try:
        yield
    except VoxportError as error:
        named = error.about(subject)
        if named is error:
            raise
        raise named.with_traceback(error.__traceback__) from error.__cause__


@contextmanager
def accessing(
    subject: object, error: type[VoxportError], failed: str = "cannot be read"
) -> Generator[None, None, None]:
    """Raise ``error`` about ``subject`` for any refusal of the operating system in the block.

    With None as ``subject``, the caller names it.
    """
    try:
        yield
    except VoxportError:
        raise
    except (OSError, ValueError) as refusal:  # ValueError: a null in a name, a closed file
        reason = getattr(refusal, "strerror", None) or refusal
        raise error(f"{failed}: {reason}", subject) from None
