"""Labels, blank and word delimiter of a Hugging Face checkpoint, from its tokenizer's files.

Every label but the blank is text, special tokens (``<unk>``) too: so do the decoder of torchaudio's
tutorial, the tokenizer's own ``decode`` and transformers' pipeline for CTC models.
"""

from __future__ import annotations

from voxport_export.errors import SourceError
from voxport_export.sources import ctc_tokenizer, fast_tokenizer
from voxport_export.sources.checkpoint import CONFIG, Checkpoint
from voxport_export.sources.ctc_tokenizer import check_language
from voxport_export.sources.token_table import TokenTable, Vocabulary, build_vocabulary

__all__ = ["NO_VOCABULARY", "Vocabulary", "check_language", "check_tokenizer", "read_vocabulary"]

NO_VOCABULARY = Vocabulary((), 0, None)  # of a model without a CTC head


def read_vocabulary(
    checkpoint: Checkpoint, outputs: int, language: str | None, blank: str | None = None
) -> Vocabulary:
    """Read the labels of a head with so many outputs.

    Args:
        checkpoint: gives ``vocab.json`` or ``tokenizer.json``, and the files beside it.
        outputs: of the head.
        language: of a nested vocabulary; None: the one in ``tokenizer_config.json``.
        blank: the caller's choice of the blank, a label or its index. None: ``<blank>`` in the
            vocabulary, else ``pad_token_id`` of ``config.json``, else the tokenizer's padding.

    Raises:
        SourceError: a file is missing or does not fit; the message names it.
    """
    pad = (checkpoint.read_json(CONFIG) or {}).get("pad_token_id")
    stated = pad if isinstance(pad, int) and not isinstance(pad, bool) else None
    table = _read_table(checkpoint, language)
    return build_vocabulary(checkpoint.model_id, table, outputs, stated, blank)


def check_tokenizer(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint without a tokenizer that can be read, before its weights are loaded."""
    settings = checkpoint.read_json(ctc_tokenizer.TOKENIZER_CONFIG) or {}
    kind = settings.get("tokenizer_class")
    has_fast = checkpoint.read_json(fast_tokenizer.FILE) is not None
    if kind is not None and kind not in ctc_tokenizer.CLASSES and not has_fast:
        raise SourceError(
            f"{checkpoint.model_id}: {ctc_tokenizer.TOKENIZER_CONFIG}: tokenizer_class {kind!r} is "
            f"not one of {', '.join(ctc_tokenizer.CLASSES)}, and there is no {fast_tokenizer.FILE}"
        )
    if not has_fast:
        checkpoint.require_json(ctc_tokenizer.FILE, "which lists the labels")


def _read_table(checkpoint: Checkpoint, language: str | None) -> TokenTable:
    check_tokenizer(checkpoint)
    settings = checkpoint.read_json(ctc_tokenizer.TOKENIZER_CONFIG) or {}
    kind = settings.get("tokenizer_class") or ctc_tokenizer.CLASSES[0]
    if kind in ctc_tokenizer.CLASSES and checkpoint.find(ctc_tokenizer.FILE) is not None:
        return ctc_tokenizer.read_ctc_tokenizer(checkpoint, settings, language)
    return fast_tokenizer.read_fast_tokenizer(checkpoint, settings)
