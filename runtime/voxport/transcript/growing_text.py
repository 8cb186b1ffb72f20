"""Whole words of a text that grows piece by piece. Knows text alone."""

from collections.abc import Callable

# Longer than any word: a text written without spaces.
_MAX_WORD_CHARACTERS = 60


class WholeWords:
    """Listener to a growing text; hands on each word with the space behind it.

    The texts handed on, joined, are the beginning of the text; its last word is kept.
    """

    def __init__(self, hand_on: Callable[[str], None]) -> None:
        self._hand_on = hand_on
        self._kept = ""

    def __call__(self, text: str) -> None:
        """Hand on the words that are complete with more of the text."""
        self._kept += text
        end = self._kept.rfind(" ") + 1
        if len(self._kept) - end > _MAX_WORD_CHARACTERS:
            end = len(self._kept)
        if end:
            whole, self._kept = self._kept[:end], self._kept[end:]
            self._hand_on(whole)
