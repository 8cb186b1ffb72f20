"""Text in any script to Latin letters by uroman, as the MMS aligners were trained on.

As ctc-forced-aligner: NFKC, lower case, uroman, then letters and apostrophes only. Needs the extra
``romanize``. Knows text; no labels.
"""

import re
import unicodedata
from functools import cache
from typing import Any

from voxport.errors import InputError
from voxport.optional_import import import_optional

_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\uff07`\u00b4]")
_NUMBERED_BRACKETS = re.compile(r"\([^)]*\d[^)]*\)")  # references: (Sam 23:17)
_OTHER = re.compile("[^a-z']+")
_LANGUAGE = re.compile("[a-z]{3}")


class Romanizer:
    """Romanisation of text in one language, or in any.

    Args:
        language: ISO 639-3 ("rus", "ara"), for uroman's rules of that language; None: of none.

    Raises:
        InputError: the language is no such code.
        MissingDependencyError: uroman is not installed.
    """

    def __init__(self, language: str | None = None) -> None:
        if language is not None and not _LANGUAGE.fullmatch(language):
            raise InputError(
                f"language must be a code of ISO 639-3 (three letters: rus, ara), got {language!r}"
            )
        self._language = language
        self._uroman = _load_uroman()

    def romanize(self, text: str) -> str:
        """Return the letters a to z and apostrophes of a text, spaces left out."""
        plain = _NUMBERED_BRACKETS.sub(" ", unicodedata.normalize("NFKC", text).lower())
        plain = _APOSTROPHES.sub("'", plain).strip()
        if not plain:
            return ""
        romanized: str = self._uroman.romanize_string(plain, lcode=self._language)
        return _OTHER.sub("", romanized.lower())


@cache
def _load_uroman() -> Any:
    """Read uroman's tables, which takes seconds, once."""
    module = import_optional("uroman", "--romanize needs uroman", 'pip install "voxport[romanize]"')
    return module.Uroman()
