"""Names of packages on the Hugging Face Hub: ``owner/name``, ``owner/name@revision``, ``hf:…``.

Knows the form of a name and the local folders that come first; nothing of the network.
"""

import re
from dataclasses import dataclass
from pathlib import Path

SPELLED = "hf:"  # means the Hub, whatever folders there are

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_NAME = re.compile(rf"({_PART}/{_PART})(?:@([^\s@\\]+))?")
_MAX_LETTERS = 96  # the Hub's limit of owner/name


@dataclass(frozen=True)
class HubName:
    """A repository of the Hub at one of its revisions."""

    repository: str  # owner/name
    revision: str | None = None  # a branch, a tag or a commit; None: the default branch

    def __str__(self) -> str:
        return self.repository + (f"@{self.revision}" if self.revision else "")


def parse_hub_name(name: str) -> HubName | None:
    """Return the repository that a name's form means, or None; folders are not looked at."""
    match = _NAME.fullmatch(name.removeprefix(SPELLED))
    if match is None or len(match[1]) > _MAX_LETTERS or "--" in match[1] or ".." in name:
        return None
    return HubName(match[1], match[2])


def is_hub_name(name: str) -> bool:
    """Tell whether a name means a package on the Hub.

    ``owner/name`` is a path if it exists here, or if there is a folder ``owner``: a missing folder
    beside others is a typing error and must not fetch a stranger's model.
    """
    if parse_hub_name(name) is None:
        return False
    return name.startswith(SPELLED) or not (Path(name).exists() or is_beside_folders(name))


def is_beside_folders(name: str) -> bool:
    """Tell whether the first part of ``owner/name`` is a folder here."""
    return Path(name.partition("/")[0]).is_dir()
