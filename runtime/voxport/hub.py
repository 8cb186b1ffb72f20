"""Packages to and from the Hugging Face Hub: ``pull`` and ``push``, through its official client.

``voxport.load("owner/name")`` needs neither: it fetches the files of its artifact by itself.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from voxport.errors import HubError, PackageError, PackageNotFoundError
from voxport.package.artifact_choice import choose_artifact
from voxport.package.find import find_package
from voxport.package.hub_cache import (
    explaining,
    fetch_file,
    fetch_snapshot,
    hub_client,
    require_hub_name,
    snapshot_name,
)
from voxport.package.hub_card import add_metadata
from voxport.package.hub_names import HubName
from voxport.package.hub_whole import fetch_whole
from voxport.package.integrity import check_file, describe_bytes, read_file
from voxport.package.manifest import FILE_NAME, SIGNATURE_NAME, Manifest
from voxport.package.read_manifest import parse_manifest, read_manifest

CARD = "README.md"


def _say_nothing(_: str) -> None:
    pass


def pull(
    name: str,
    artifact: str | None = None,
    precision: str | None = None,
    *,
    is_whole: bool = False,
    is_forced: bool = False,
) -> Path:
    """Fetch a package from the Hub into the cache, and check every file that is fetched.

    Args:
        name: ``owner/name`` or ``owner/name@revision``; ``hf:`` may stand in front.
        artifact: "onnx" or "torchscript"; None: as ``voxport.load`` chooses.
        precision: "fp32", "int8" or "fp16"; None: as ``voxport.load`` chooses.
        is_whole: fetch every file of the package, not those of one artifact only.
        is_forced: fetch again what is in the cache, a damaged file for one.

    Returns:
        The package's folder in the cache that all users of the Hub's client share.

    Raises:
        PackageNotFoundError: there is no such repository or revision, or it holds no package.
        HubError: the name has another form, the repository is gated, or the Hub does not answer.
        IntegrityError: a file is not the one that the manifest records.

    Examples:
        >>> from voxport import hub
        >>> hub.pull("commands")
        Traceback (most recent call last):
            ...
        voxport.errors.HubError: 'commands' is no name on the Hub: expected owner/name, ...
    """
    folder = fetch_snapshot(require_hub_name(name), is_forced=is_forced)
    manifest = read_manifest(folder)
    if is_whole:
        fetch_whole(folder)
    if is_whole or (manifest.languages and not manifest.artifacts):
        entries = manifest.entries()
    else:
        entries = list(choose_artifact(folder, manifest, artifact, precision).files)
    for entry in entries:
        if is_forced:
            fetch_file(folder, entry.path, is_forced=True)
        check_file(folder, entry)
    return folder


@dataclass(frozen=True)
class Pushed:
    """A commit of a package on the Hub."""

    repository: str
    commit: str
    url: str


def push(
    package: str | os.PathLike[str],
    name: str,
    *,
    is_private: bool = False,
    licence: str | None = None,
    message: str | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> Pushed:
    """Push a package to the Hub: one commit of its files, checked, with metadata in its card.

    The repository is made if need be. Only files that the manifest lists are pushed, and files that
    an earlier push listed and this package does not have are removed. The card gets the Hub's
    metadata (licence, library, task, tags; results that it holds are kept), so its hash in the
    manifest changes; the package on disk stays as it is. A signed package is pushed byte for byte.

    Args:
        package: a folder, or another package that ``voxport.load`` takes.
        name: ``owner/name``, or ``owner/name@branch``.
        is_private: make a new repository a private one.
        licence: in the card, in place of the manifest's.
        message: of the commit.
        say: called with a line of text about a package that is pushed without metadata.

    Returns:
        The commit.

    Raises:
        IntegrityError: a file is not the one that the manifest records; nothing is pushed.
        HubError: the Hub refuses: no token, no right to write, no network.

    Examples:
        ```text
        hub.push("build/base960h", "owner/base960h-voxport")
        ```
    """
    target = require_hub_name(name)
    folder = find_package(package)
    manifest = read_manifest(folder)
    contents: dict[str, bytes | Path] = {
        entry.path: check_file(folder, entry) for entry in manifest.entries()
    }
    contents[FILE_NAME] = folder / FILE_NAME
    if _take_signature(folder, contents):
        say(f"signed: pushed as it is, {CARD} too, so that the signature stays valid")
    else:
        contents |= _with_metadata(folder, manifest, licence)
    client = hub_client()
    api = client.HfApi(library_name="voxport")
    additions = [client.CommitOperationAdd(path, content) for path, content in contents.items()]
    with explaining(target):
        api.create_repo(target.repository, private=is_private or None, exist_ok=True)
        if target.revision:
            api.create_branch(target.repository, branch=target.revision, exist_ok=True)
        removed = _listed_before(target) - contents.keys()
        commit = api.create_commit(
            target.repository,
            [*additions, *map(client.CommitOperationDelete, sorted(removed))],
            commit_message=message or f"{manifest.model.name}, a voxport package",
            revision=target.revision,
        )
    return Pushed(target.repository, str(commit.oid), str(commit.commit_url))


def _take_signature(folder: Path, contents: dict[str, bytes | Path]) -> bool:
    """Add the signature's file, if there is one."""
    path = folder / SIGNATURE_NAME
    if not path.is_file():
        return False
    contents[SIGNATURE_NAME] = path
    return True


def _with_metadata(
    folder: Path, manifest: Manifest, licence: str | None
) -> dict[str, bytes | Path]:
    """Return the card with the Hub's metadata, and the manifest with the new card's hash."""
    listed = next((entry for entry in manifest.files if entry.path == CARD), None)
    text = read_file(folder, listed).decode() if listed else f"# {manifest.model.name}\n"
    card = add_metadata(text, manifest, licence).encode()
    others = tuple(entry for entry in manifest.files if entry is not listed)
    finished = replace(manifest, files=(*others, describe_bytes(CARD, card)))
    written = finished.to_json().encode()
    parse_manifest(written)  # it must be readable before anybody downloads it
    return {CARD: card, FILE_NAME: written}


def _listed_before(target: HubName) -> set[str]:
    """List the files of the package that the repository holds now, if it holds one."""
    try:
        folder = fetch_snapshot(target)
        on_hub = read_manifest(folder)
    except PackageNotFoundError:
        return set()
    except HubError:
        raise
    except PackageError:  # another's manifest.json: it is replaced, and nothing else is touched
        return set()
    commit = snapshot_name(folder)
    revision = commit.revision if commit else None
    there = hub_client().HfApi().list_repo_files(target.repository, revision=revision)
    return {entry.path for entry in on_hub.entries()} & set(there)
