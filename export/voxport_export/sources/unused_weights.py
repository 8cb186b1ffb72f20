"""Unused and missing weights of a checkpoint.

Either means another model than the trained one: LoRA matrices never merged, a layer more than the
configuration says, a missing head (it would be random).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from voxport_export.errors import SourceError

# Weights that only pre-training or training uses: without effect on any answer. The quantizer, the
# projections and the final head of pre-training, the embedding of masked frames, and the loss of
# x-vectors.
HARMLESS = (
    r"(^|\.)masked_spec_embed$",
    r"(^|\.)mask_emb$",
    r"^(quantizer|project_q|project_hid|final_proj|layer_norm_for_extract|dropout_final)\.",
    r"^(label_embs_concat|label_embeddings_concat)$",
    r"^objective\.",
)
_NAMED = 4  # weights in a message


def check_weights(
    source: str, missing: Iterable[str], unused: Iterable[str], allow_unused: bool
) -> tuple[str, ...]:
    """Refuse missing and unused weights, known harmless ones aside.

    Args:
        source: names the checkpoint in messages.
        missing: weights of the model, absent from the checkpoint.
        unused: weights of the checkpoint, absent from the model.
        allow_unused: leave them out instead.

    Returns:
        The unused weights left out.

    Raises:
        SourceError: the message names the weights.
    """
    if absent := _without_harmless(missing):
        raise SourceError(
            f"{source}: the checkpoint has no {_named(absent)}; is it a model fine-tuned for its "
            "task (CTC, classification)?"
        )
    left = _without_harmless(unused)
    if left and not allow_unused:
        raise SourceError(
            f"{source}: the model does not use {_named(left)} of the checkpoint, so it would not "
            f"answer as the trained model does{_advice(left)}; --allow-unused exports it without "
            "them and records it in the manifest"
        )
    return left


def _without_harmless(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        sorted(name for name in names if not any(re.search(rule, name) for rule in HARMLESS))
    )


def _named(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{shown}{more} ({len(names)} weight{'s' if len(names) > 1 else ''})"


def _advice(names: tuple[str, ...]) -> str:
    if any("lora" in name.lower() for name in names):
        return " (merge the LoRA matrices first: PEFT's merge_and_unload)"
    if any(re.search(r"\.layers\.\d+\.", name) for name in names):
        return " (does config.json state the number of layers?)"
    return ""
