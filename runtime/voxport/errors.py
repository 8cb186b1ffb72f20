"""Every error that voxport raises on purpose.

One base class, so that one ``except voxport.VoxportError`` is enough, and the command can tell
an expected failure (a message) from a defect (a traceback). Each class also inherits the builtin
that a caller who has never heard of voxport would catch. Messages say what was given, what was
expected and what to do; this module knows nothing of where they are raised.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

_E = TypeVar("_E", bound="VoxportError")


class VoxportError(Exception):
    """The base of every error that voxport raises on purpose.

    Its message is "subject: reason", or the reason alone where there is no subject.
    """

    def __init__(self, reason: str, subject: object = None) -> None:
        self.reason = reason
        self.subject = None if subject is None else str(subject)  # a file, "inputs[3]", ...
        super().__init__(reason if subject is None else f"{subject}: {reason}")

    def about(self: _E, subject: object) -> _E:
        """This error, with `subject` named in front where it is not that already."""
        if self.subject == str(subject):
            return self
        error = type(self)(str(self), subject)
        error.__cause__ = self.__cause__
        return error


class PackageError(VoxportError, ValueError):
    """A package that cannot be used: its manifest or one of its files is not what it must be."""


class PackageNotFoundError(PackageError, FileNotFoundError):
    """There is no package at the given path: no folder, no manifest, or a file of it is missing."""


class ManifestError(PackageError):
    """A manifest that is not JSON, not of this format, or whose fields are not as published."""


class LaterVersionError(ManifestError):
    """A manifest that a later voxport wrote."""


class IntegrityError(PackageError):
    """A file whose bytes are not the ones that the manifest records."""


class UnknownModelError(VoxportError, LookupError):
    """A name that is neither a folder nor a shipped model."""


class ArtifactUnavailableError(PackageError):
    """The package holds no artifact of the kind or precision that was asked for."""


class MissingDependencyError(VoxportError, ImportError):
    """Something optional is not installed; the message holds the command that installs it."""


class ProviderUnavailableError(VoxportError, RuntimeError):
    """The execution provider that was asked for cannot run here."""


class InferenceError(VoxportError, RuntimeError):
    """A backend failed to load an artifact or to run it."""


class InputError(VoxportError, ValueError):
    """An argument that makes no sense: a wrong shape, a sample rate of 0, an unknown option."""


class AlignmentError(InputError):
    """A text that cannot be aligned with its recording."""


class AudioError(InputError):
    """Audio that cannot be transcribed."""


class AudioFileError(AudioError, OSError):
    """A file that cannot be read as audio; the message names the file and the reason."""


class AudioNotFoundError(AudioFileError, FileNotFoundError):
    """There is no such audio file."""


class VerificationError(VoxportError, RuntimeError):
    """A comparison could not be made at all (a difference found is a result, not an error)."""


class OutputError(VoxportError, OSError):
    """A result that cannot be written."""


@contextmanager
def accessing(
    subject: object, error: type[VoxportError], failed: str = "cannot be read"
) -> Generator[None, None, None]:
    """What the operating system refuses within the block, as an `error` about `subject`."""
    try:
        yield
    except VoxportError:
        raise
    except (
        OSError,
        ValueError,
    ) as refusal:  # ValueError: a null character in a name, a closed file
        reason = getattr(refusal, "strerror", None) or refusal
        raise error(f"{failed}: {reason}", subject) from None
