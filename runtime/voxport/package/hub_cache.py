"""Packages in the Hugging Face Hub's cache, filled on demand by the official client.

The one module that imports ``huggingface_hub``. A package is the folder of one commit in the cache
that all of the client's users share (``HF_HUB_CACHE``). The manifest comes first; every other file
comes when it is opened and is not there yet, from the same commit. So a recognizer fetches the
files of its artifact and no others. Knows nothing of what the files hold: they are hashed where
they are opened, as those of any package, for the cache may hold anything.
"""

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from voxport.errors import HubError, PackageNotFoundError, VoxportError
from voxport.optional_import import import_optional
from voxport.package.hub_names import SPELLED, HubName, parse_hub_name
from voxport.package.manifest import FILE_NAME

INSTALL = 'pip install "voxport[hub]"'
LOGIN = "log in with `hf auth login` or set HF_TOKEN"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_MODEL_FOLDER = re.compile(r"models--((?!-).+?)--(.+)")


def hub_client() -> Any:
    """Import ``huggingface_hub``, or raise an error with the install command."""
    needs = "a package on the Hugging Face Hub needs huggingface_hub"
    for module in ("huggingface_hub.constants", "huggingface_hub.errors"):
        import_optional(module, needs, INSTALL)
    return import_optional("huggingface_hub", needs, INSTALL)


def fetch_snapshot(name: HubName, *, is_forced: bool = False) -> Path:
    """Fetch a package's manifest, and return the package's folder in the cache.

    Args:
        name: the repository and its revision.
        is_forced: fetch again what is in the cache.

    Raises:
        PackageNotFoundError: there is no such repository or revision, or it holds no package.
        HubError: it is gated, or cannot be reached.
        MissingDependencyError: the official client is not installed.
    """
    return _download(name, FILE_NAME, is_forced).parent


def fetch_file(folder: Path, path: str, *, is_forced: bool = False) -> bool:
    """Fetch a file of a package whose folder is one in the cache; else do nothing.

    Returns:
        Whether the folder is in the cache of the Hub, so that the file is there now.
    """
    name = snapshot_name(folder)
    if name is None or Path(hub_client().constants.HF_HUB_CACHE).resolve() != _cache_of(folder):
        return False
    _download(name, path, is_forced)
    return True


def snapshot_name(folder: Path) -> HubName | None:
    """Return the repository and commit of a folder that looks like one in the Hub's cache."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 (links keep their names)
    match = _MODEL_FOLDER.fullmatch(folder.parents[1].name) if len(folder.parents) > 1 else None
    if match is None or folder.parent.name != "snapshots" or not _COMMIT.fullmatch(folder.name):
        return None
    return HubName(f"{match[1]}/{match[2]}", folder.name)


def damage_advice(folder: Path) -> str:
    """Say how to replace a damaged file of a package."""
    if (name := snapshot_name(folder)) is not None:
        return (
            f"`voxport pull {SPELLED}{name} --force` fetches it again; if it stays so, the "
            "repository itself is damaged or was changed"
        )
    return "copy the package again or export it again"


def require_hub_name(given: str) -> HubName:
    """Return the repository of a name that must be one of the Hub's.

    Raises:
        HubError: it is not.
    """
    if (name := parse_hub_name(given)) is None:
        raise HubError(
            f"{given!r} is no name on the Hub: expected owner/name, owner/name@revision, or either "
            f"with {SPELLED} in front"
        )
    return name


def _cache_of(folder: Path) -> Path:
    return Path(os.path.abspath(folder)).parents[2].resolve()  # noqa: PTH100


def _download(name: HubName, path: str, is_forced: bool) -> Path:
    client = hub_client()
    with explaining(name, path):
        return Path(
            client.hf_hub_download(
                name.repository,
                path,
                revision=name.revision,
                force_download=is_forced,
                library_name="voxport",
            )
        )


@contextmanager
def explaining(name: HubName, path: str | None = None) -> Generator[None, None, None]:
    """Turn the client's errors about a repository, and a file in it, into ours."""
    errors = hub_client().errors
    try:
        yield
    except (VoxportError, KeyboardInterrupt):
        raise
    except errors.GatedRepoError:
        page = f"{hub_client().constants.ENDPOINT}/{name.repository}"
        raise HubError(f"is gated: accept its conditions at {page}, then {LOGIN}", name) from None
    except errors.RepositoryNotFoundError:
        raise PackageNotFoundError(
            f"there is no such model at {hub_client().constants.ENDPOINT}, or it is private and "
            f"not open to you ({LOGIN})",
            name,
        ) from None
    except errors.RevisionNotFoundError:
        raise PackageNotFoundError(
            f"the repository has no revision {name.revision!r}: expected a branch, a tag or a "
            "commit",
            name,
        ) from None
    except errors.LocalEntryNotFoundError as error:
        raise HubError(_unreachable_reason(path, error), name) from None
    except errors.EntryNotFoundError:
        raise PackageNotFoundError(_missing_reason(path), name) from None
    except errors.OfflineModeIsEnabled as error:
        raise HubError(_unreachable_reason(path, error), name) from None
    except errors.HfHubHTTPError as error:
        raise HubError(_http_reason(error), name) from None
    except Exception as error:  # of httpx or requests, which share no base with each other
        reason = "; ".join(_first_lines(error))
        raise HubError(f"cannot be reached or stored: {reason}", name) from error


def _first_lines(error: BaseException | None) -> list[str]:
    """Return the first line of an error and of each of its causes."""
    lines: list[str] = []
    while error is not None:
        lines.append(str(error).strip().partition("\n")[0] or type(error).__name__)
        error = error.__cause__
    return list(dict.fromkeys(lines))


def _missing_reason(path: str | None) -> str:
    if path == FILE_NAME:
        return (
            f"not a voxport package: the repository has no {FILE_NAME}; `voxport export` with its "
            "name writes a package from a Wav2Vec2 checkpoint"
        )
    return f"the manifest lists {path} and the repository does not hold it"


def _unreachable_reason(path: str | None, error: BaseException) -> str:
    client = hub_client()
    what = "the package" if path in (None, FILE_NAME) else path
    if client.constants.is_offline_mode():
        return (
            f"{what} is not in the cache ({client.constants.HF_HUB_CACHE}) and HF_HUB_OFFLINE is "
            "set; `voxport pull` fetches it once where there is a network"
        )
    cause = error.__cause__ or error
    reason = str(cause).partition("\n")[0]
    return (
        f"{client.constants.ENDPOINT} does not answer ({reason}) and {what} is not in the cache "
        f"({client.constants.HF_HUB_CACHE}); check the network, or give a folder"
    )


def _http_reason(error: Any) -> str:
    status = error.response.status_code
    if status in (401, 403):
        return f"the Hub refuses access ({status}): {LOGIN}, with a token that may do this"
    message = getattr(error, "server_message", None) or str(error).strip().partition("\n")[0]
    return f"the Hub answered {status}: {message}"
