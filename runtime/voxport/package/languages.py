"""Choice of a language in a package with several."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from voxport.errors import ArtifactUnavailableError, InputError
from voxport.package.manifest import Manifest

_MOST_LISTED = 60  # in a message
_NEAR = 0.6  # of a name to another, of 0 to 1


def choose_language(folder: Path, manifest: Manifest, language: str | None) -> Manifest:
    """Return the manifest of one language of a package.

    Args:
        folder: the package's, for messages.
        manifest: the package's.
        language: as the checkpoint calls it ("fra"); None: the default.

    Raises:
        InputError: the package has not this language, or has one language only.
        ArtifactUnavailableError: none is named, and the package has no default.
    """
    known = {one.language: one for one in manifest.languages}
    if not known:
        if language is None:
            return manifest
        raise InputError(
            f"has one language only, and {language!r} is asked for: leave the language out, or "
            f"export a checkpoint of several with --language {language}",
            folder,
        )
    if language is None and manifest.default_language is None:
        raise ArtifactUnavailableError(
            f"holds several languages and no default: name one (language=, --language), of "
            f"{list_languages(known)}",
            folder,
        )
    chosen = known.get(language or str(manifest.default_language))
    if chosen is None:
        near = difflib.get_close_matches(str(language).lower(), known, n=1, cutoff=_NEAR)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(
            f"has no language {language!r}{hint}; there are {list_languages(known)}", folder
        )
    return manifest.in_language(chosen)


def list_languages(names: Iterable[str]) -> str:
    """Write languages in a row; of very many only how many, and the first."""
    shown = list(names)
    if len(shown) <= _MOST_LISTED:
        return ", ".join(shown)
    return f"{len(shown)}: {', '.join(shown[:_MOST_LISTED])} …"
