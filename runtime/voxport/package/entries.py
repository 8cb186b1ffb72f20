"""A file of a package, as its manifest records it."""

from dataclasses import dataclass

from voxport.package.json_fields import Fields


@dataclass(frozen=True)
class FileEntry:
    """A file of the package."""

    path: str  # a plain file name inside the package's folder
    bytes: int
    sha256: str


def read_entry(fields: Fields) -> FileEntry:
    """The entry in a manifest's object."""
    return FileEntry(fields.file_name("path"), fields.integer("bytes"), fields.sha256("sha256"))
