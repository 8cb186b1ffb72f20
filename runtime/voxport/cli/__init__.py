"""The ``voxport`` command: parses, calls the library, prints. Nothing is decided here."""

from voxport.cli.commands import app, main

__all__ = ["app", "main"]
