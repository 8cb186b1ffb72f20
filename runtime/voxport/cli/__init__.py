"""The ``voxport`` command: parses, calls the library, prints. Nothing is decided here."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voxport.cli.commands import app

__all__ = ["app", "main"]


def main() -> None:
    """The entry point of the ``voxport`` command, interruptible from its first line."""
    try:
        from voxport.cli import commands

        commands.main()
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from voxport.cli.commands import app

    return app
