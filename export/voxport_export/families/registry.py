"""Registry of the families: every module of this package with a ``FAMILY``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from voxport_export import families
from voxport_export.families.family import Family


@cache
def all_families() -> dict[str, Family]:
    """Return every family by its model type.

    Example:
        >>> all_families()["hubert"].class_name("ForCTC")
        'HubertForCTC'
    """
    modules = (
        importlib.import_module(f"{families.__name__}.{found.name}")
        for found in pkgutil.iter_modules(families.__path__)
    )
    found = [module.FAMILY for module in modules if hasattr(module, "FAMILY")]
    return {family.model_type: family for family in found}
