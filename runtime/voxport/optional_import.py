"""Imports of what may not be installed, on request."""

import importlib
from typing import Any

from voxport.errors import MissingDependencyError


def load(module: str, needs: str, remedy: str) -> Any:
    """The module, or an error: "`needs` (what the import said): `remedy`"."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a library that the module loads is missing
        if _was_interrupted(error):
            raise KeyboardInterrupt from None
        raise MissingDependencyError(f"{needs} ({error}): {remedy}") from error


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: modules written in C make an ImportError of it."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
