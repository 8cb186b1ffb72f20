"""Parsing of the two records that every part of ``manifest.json`` has: files and measurements."""

from voxport.package.json_fields import Fields
from voxport.package.manifest import FileEntry, Measurement


def read_entry(fields: Fields) -> FileEntry:
    """Read name, size and hash of a file."""
    return FileEntry(fields.file_name("path"), fields.integer("bytes"), fields.sha256("sha256"))


def read_measurement(fields: Fields) -> Measurement:
    """Read the first fields of a comparison."""
    return Measurement(
        artifact=fields.file_name("artifact"),
        reference=fields.text("reference"),
        against=fields.text("against"),
        provider=fields.text("provider"),
        clips=fields.integer("clips"),
        seconds=fields.number("seconds"),
    )
