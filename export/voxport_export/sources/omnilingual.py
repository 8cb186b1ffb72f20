"""Omnilingual ASR's own CTC checkpoints: a ``.pt`` of fairseq2 with its tokenizer's ``.model``.

Weights are found by fairseq2's names and go into torchaudio's model, of the same arithmetic; sizes
are the weights' own. As its published pipeline does, the waveform is normalised and label 0 is the
blank. The checkpoint is read with ``weights_only``: no code of it is run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import torch
import torchaudio
from torch import Tensor
from torchaudio.models import Wav2Vec2Model

from voxport_export.errors import SourceError
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.sources.folder import PREFIX
from voxport_export.sources.sentencepiece import SPACE, read_pieces
from voxport_export.sources.source import TORCHAUDIO_EPS, EagerReference, Source
from voxport_export.sources.unused_weights import check_weights

_RATE_HZ = 16_000
_BLANK = 0  # the default of torch's loss, with which fairseq2 trains
_HEADS = 16  # of every published size
_KERNELS = (10, 3, 3, 3, 3, 2, 2)
_STRIDES = (5, 2, 2, 2, 2, 2, 2)  # weights do not tell
_LICENCE = "Apache-2.0"  # of the published checkpoints

# fairseq2's names and torchaudio's
_NAMES = (
    (r"^encoder_frontend\.feature_extractor\.layers\.", "feature_extractor.conv_layers."),
    (r"^encoder_frontend\.post_extract_layer_norm\.", "encoder.feature_projection.layer_norm."),
    (r"^encoder_frontend\.model_dim_proj\.", "encoder.feature_projection.projection."),
    (
        r"^encoder_frontend\.pos_encoder\.conv\.weight_g$",
        "encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original0",
    ),
    (
        r"^encoder_frontend\.pos_encoder\.conv\.weight_v$",
        "encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original1",
    ),
    (
        r"^encoder_frontend\.pos_encoder\.conv\.",
        "encoder.transformer.pos_conv_embed.conv.",
    ),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.self_attn\.output_proj\.", ".attention.out_proj."),
    (r"\.self_attn\.", ".attention."),
    (r"\.ffn_layer_norm\.", ".final_layer_norm."),
    (r"\.ffn\.inner_proj\.", ".feed_forward.intermediate_dense."),
    (r"\.ffn\.output_proj\.", ".feed_forward.output_dense."),
    (r"^encoder\.(?=layers\.|layer_norm\.)", "encoder.transformer."),
    (r"^final_proj\.", "aux."),
)
_UNUSED = re.compile(r"^masker\.")  # of training


def is_omnilingual_folder(folder: Path) -> bool:
    """Return True for a folder with one checkpoint and one tokenizer, and no configuration."""
    has_config = (folder / "config.json").exists()
    return not has_config and len(_checkpoints(folder)) == len(_tokenizers(folder)) == 1


def load_omnilingual(folder: Path, allow_unused: bool = False) -> Source:
    """Load a checkpoint.

    Args:
        folder: holds the ``.pt`` and the tokenizer's ``.model``.
        allow_unused: leave out the checkpoint's unused weights.

    Raises:
        SourceError: a file is damaged, or is not of such a model; the message names it.
    """
    (checkpoint,), (tokenizer,) = _checkpoints(folder), _tokenizers(folder)
    weights = _read_weights(checkpoint)
    model = _build(checkpoint, weights)
    known = model.state_dict().keys()
    unused = check_weights(
        str(checkpoint), known - weights.keys(), weights.keys() - known, allow_unused
    )
    try:
        model.load_state_dict({name: weights[name] for name in known}, assign=True)
    except RuntimeError as error:
        raise SourceError(f"{checkpoint}: its weights do not fit each other: {error}") from error
    pieces = read_pieces(tokenizer)
    labels = [piece.text for piece in pieces]
    names = [piece.name for piece in pieces]
    labels[_BLANK] = names[_BLANK]  # never in a transcript
    try:
        return Source(
            name=checkpoint.stem,
            origin=f"{PREFIX}{folder}",
            licence=_LICENCE,
            model=AcousticModel.from_torchaudio(model, TORCHAUDIO_EPS),
            reference=EagerReference(model, TORCHAUDIO_EPS),
            labels=tuple(labels),
            blank=_BLANK,
            word_delimiter=" " if SPACE in names else None,
            sample_rate=_RATE_HZ,
            normalize_eps=TORCHAUDIO_EPS,
            unused_weights=unused,
        )
    except ValueError as error:
        raise SourceError(f"{tokenizer}: does not fit {checkpoint.name}: {error}") from error


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pt"))


def _tokenizers(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.model"))


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint's weights, float32, under torchaudio's names."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a damaged or hostile file can fail in any way
        raise SourceError(f"{path}: not a checkpoint of weights alone: {error}") from error
    content = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or "final_proj.weight" not in content:
        raise SourceError(
            f"{path}: holds no weights of fairseq2's wav2vec2_asr models: there is no "
            "final_proj.weight in it"
        )
    named = cast("dict[str, Any]", content).items()
    return {
        _rename(name): value.float()
        for name, value in named
        if isinstance(value, Tensor) and not _UNUSED.match(name)
    }


def _rename(name: str) -> str:
    for pattern, replacement in _NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _build(path: Path, weights: dict[str, Tensor]) -> Wav2Vec2Model:
    """Build the model whose sizes are those of the weights."""
    convs = [
        weights.get(f"feature_extractor.conv_layers.{i}.conv.weight") for i in range(len(_KERNELS))
    ]
    kernels = tuple(conv.shape[-1] for conv in convs if conv is not None)
    projection = weights.get("encoder.feature_projection.projection.weight")
    inner = weights.get("encoder.transformer.layers.0.feed_forward.intermediate_dense.weight")
    positions = weights.get(
        "encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original1"
    )
    if kernels != _KERNELS or projection is None or inner is None or positions is None:
        raise SourceError(
            f"{path}: not of Omnilingual ASR's shape: expected convolutions with the kernels "
            f"{_KERNELS}, found {kernels}"
        )
    layers = {name.split(".")[3] for name in weights if ".transformer.layers." in name}
    width = projection.shape[0]
    return torchaudio.models.wav2vec2_model(
        extractor_mode="layer_norm",
        extractor_conv_layer_config=[
            (conv.shape[0], kernel, stride)
            for conv, kernel, stride in zip(convs, _KERNELS, _STRIDES, strict=True)
            if conv is not None
        ],
        extractor_conv_bias=True,
        encoder_embed_dim=width,
        encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=positions.shape[2],
        encoder_pos_conv_groups=width // positions.shape[1],
        encoder_num_layers=len(layers),
        encoder_num_heads=_HEADS,
        encoder_attention_dropout=0.0,
        encoder_ff_interm_features=inner.shape[0],
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.0,
        encoder_layer_norm_first=True,
        encoder_layer_drop=0.0,
        aux_num_out=weights["aux.weight"].shape[0],
    ).eval()
