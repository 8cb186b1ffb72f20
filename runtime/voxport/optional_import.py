"""Imports of distributions that may not be installed, on request."""

import importlib
from typing import Any

from voxport.errors import MissingDependencyError


def import_optional(module: str, needs: str, remedy: str) -> Any:
    """Import a module, or raise an error: "``needs`` (the import's reason): ``remedy``"."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a library that the module loads is missing
        if _was_interrupted(error):
            raise KeyboardInterrupt from None
        raise MissingDependencyError(f"{needs} ({error}): {remedy}") from error


def _was_interrupted(error: BaseException | None) -> bool:
    """Detect Ctrl-C as the cause: modules written in C turn it into an ImportError."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
