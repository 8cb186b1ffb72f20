"""Facts of a checkpoint stated by the caller, in place of its own files'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voxport_export.errors import SourceError


@dataclass(frozen=True)
class Overrides:
    """Blank and normalisation stated by the caller; None: as the checkpoint's files say."""

    blank: str | None = None  # a label, or its index
    normalize: bool | None = None  # the waveform, to mean 0 and variance 1

    def to_texts(self) -> dict[str, str]:
        """Return the stated facts for a manifest."""
        texts = {} if self.blank is None else {"blank": self.blank}
        if self.normalize is not None:
            texts["normalize"] = "true" if self.normalize else "false"
        return texts

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Overrides:
        """Read the facts of a manifest."""
        normalize = texts.get("normalize")
        return cls(texts.get("blank"), None if normalize is None else normalize == "true")


NO_OVERRIDES = Overrides()


def find_label(model: str, tokens: Sequence[str], label: str) -> int:
    """Return the index of a label named by the caller; a number counts where no label is one.

    Args:
        model: names the model in messages.
        tokens: of each output, "" without one.
        label: of ``--blank``.

    Raises:
        SourceError: there is no such label.
    """
    if label and label in tokens:
        return tokens.index(label)
    if label.isdecimal() and int(label) < len(tokens):
        return int(label)
    shown = " ".join(token for token in tokens[:40] if token)
    raise SourceError(
        f"{model}: --blank {label!r} is not one of its {len(tokens)} labels: {shown}"
        f"{' …' if len(tokens) > 40 else ''}"
    )


def blank_note(tokens: Sequence[str], index: int) -> str:
    """Describe a blank chosen by the caller."""
    return f"the blank is {tokens[index]!r} (index {index}), by --blank"
