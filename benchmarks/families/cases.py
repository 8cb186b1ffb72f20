"""Cases of the table: a family and a task, with the fields of a published configuration.

Weights are seeded and the widths narrow; everything else is as published. Adding a family or a task
is adding a case. Knows how to write the folder of a checkpoint, nothing of its export.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from voxport.audio.files import read_audio

LETTERS = "ETAOINSHRDLUCMFWYPVBGKJQXZ'"
TOKENS = ("<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS)

# Word pieces: \u2581 begins a word, and the blank is the last, as NeMo has it
PIECES = (
    "<unk>",
    *(f"\u2581{letter}" for letter in "tashiwob"),
    "\u2581",
    *LETTERS.lower(),
    "<pad>",
)
_PIECES = {"tokenizer_class": "ParakeetTokenizer", "pad_token": "<pad>", "unk_token": "<unk>"}

# As many as Omnilingual ASR has: letters of many scripts
_MANY_TOKENS = (*TOKENS, *(chr(0x4E00 + index) for index in range(9812 - len(TOKENS))))

_TOKENIZER = {
    "tokenizer_class": "Wav2Vec2CTCTokenizer",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "word_delimiter_token": "|",
    "do_lower_case": False,
}
_EXTRACTOR = {
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "sampling_rate": 16_000,
    "padding_value": 0.0,
    "do_normalize": True,
    "return_attention_mask": False,
}
_NARROW = {
    "vocab_size": len(TOKENS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "num_conv_pos_embedding_groups": 4,
}
_CONVS = {"conv_dim": (24,) * 7}
_STABLE = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
_CONFORMER = {"feat_extract_norm": "layer", "conv_bias": True, "hidden_act": "swish"}
_SEW = {
    "conv_dim": (16, 24, 24, 24, 24, 24, 24, 24, 24, 32, 32, 32, 40),
    "num_conv_pos_embeddings": 32,
}
_BERT = {"hidden_act": "swish", "left_max_position_embeddings": 6, "conv_depthwise_kernel_size": 7}
_FBANK = {
    "feature_extractor_type": "SeamlessM4TFeatureExtractor",
    "feature_size": 80,
    "num_mel_bins": 80,
    "padding_side": "right",
    "padding_value": 1,
    "return_attention_mask": True,
    "sampling_rate": 16_000,
    "stride": 2,
}
_NEMO = {
    "feature_extractor_type": "ParakeetFeatureExtractor",
    "feature_size": 80,
    "hop_length": 160,
    "n_fft": 512,
    "padding_side": "right",
    "padding_value": 0.0,
    "preemphasis": 0.97,
    "return_attention_mask": True,
    "sampling_rate": 16_000,
    "win_length": 400,
}


@dataclass(frozen=True)
class Case:
    """One model of the table."""

    name: str
    published: str  # the checkpoint whose configuration it has
    model_type: str
    config: Mapping[str, Any]  # of the narrow model
    real: Mapping[str, Any] | None = None  # of the published size; None: another case's
    ending: str = "ForCTC"  # of transformers' class
    extractor: Mapping[str, Any] = field(default_factory=lambda: _EXTRACTOR)
    tokens: tuple[str, ...] = TOKENS
    features: bool = True  # its layers are exported too
    task: str = "CTC"

    def write(self, folder: Path, real: bool = False, seed: int = 0) -> Path:
        """Write the folder of a checkpoint with seeded weights."""
        config = dict(self.real or {}) if real else dict(self.config)
        if self.task != "CTC":
            config = {name: value for name, value in config.items() if name != "vocab_size"}
        model = make_model(self.model_type, self.ending, config, seed)
        write_files(folder, self.extractor, self.tokens)
        center_head(model, folder)
        model.save_pretrained(folder)
        return folder


def write_files(folder: Path, extractor: Mapping[str, Any], tokens: tuple[str, ...]) -> None:
    """Write the files of the tokenizer and of the feature extractor."""
    folder.mkdir(parents=True, exist_ok=True)
    indices = {token: index for index, token in enumerate(tokens)}
    if tokens == PIECES:
        files = {"tokenizer.json": _piece_tokenizer(indices), "tokenizer_config.json": _PIECES}
    else:
        files = {"vocab.json": indices, "tokenizer_config.json": _TOKENIZER}
    files["preprocessor_config.json"] = dict(extractor)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def _piece_tokenizer(indices: Mapping[str, int]) -> dict[str, Any]:
    """Build ``tokenizer.json`` of word pieces, as Parakeet's is."""
    special = {"<unk>", "<pad>"}
    added = [
        {"id": indices[token], "content": token, "special": True, "single_word": False}
        | dict.fromkeys(("lstrip", "rstrip", "normalized"), False)
        for token in sorted(special, key=lambda token: indices[token])
    ]
    mark = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": mark,
        "post_processor": None,
        "decoder": mark,
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": False,
            "vocab": {token: index for token, index in indices.items() if token != "<pad>"},
            "merges": [],
        },
    }


def make_model(model_type: str, ending: str, config: Mapping[str, Any], seed: int = 0) -> Any:
    """Build an eager model of transformers whose weights are all random.

    As after training, no bias is 0, no norm's scale 1, and no two positions are alike.
    """
    import transformers

    from voxport_export.families.registry import all_families

    torch.manual_seed(seed)
    settings = transformers.AutoConfig.for_model(model_type, **config)
    name = all_families()[model_type].class_name(ending)
    model = getattr(transformers, name)(settings).eval()
    with torch.no_grad():
        for module in model.modules():
            for key, weight in module.named_parameters(recurse=False):
                _randomize(module, key, weight)
            if isinstance(module, nn.BatchNorm1d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0.0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model


def _randomize(module: nn.Module, key: str, weight: torch.Tensor) -> None:
    is_norm = isinstance(module, (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d))
    if key == "weight" and is_norm:
        weight.normal_(1.0, 0.2)
    elif weight.dim() < 2 or key in ("bias_u", "bias_v", "pos_bias_u", "pos_bias_v"):
        weight.normal_(0.0, 0.1)
    elif key == "gru_rel_pos_const":
        weight.normal_(1.0, 0.3)
    elif isinstance(module, nn.Embedding):
        weight.normal_(0.0, 0.5)
    elif isinstance(module, nn.Linear) or (
        isinstance(module, (nn.Conv1d, nn.Conv2d)) and key == "weight"
    ):
        fan = weight[0].numel()
        weight.normal_(0.0, 1.2 / fan**0.5)


_BLANK_SHARE = 0.5  # of the frames
SPREAD = 4.0  # standard deviation of a label's logit over the frames of a recording
_SPEECH = Path(__file__).parents[2] / "models" / "commands" / "samples" / "one-two-three.flac"


@torch.no_grad()
def center_head(model: Any, folder: Path) -> None:
    """Centre and scale a CTC head for a varied greedy path that rounding does not decide."""
    head = getattr(model, "lm_head", None) or getattr(model, "ctc_head", None)
    if head is None:
        return
    import transformers

    waveform = torch.from_numpy(read_audio(_SPEECH).waveform)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    values = extractor(waveform.numpy(), sampling_rate=16_000, return_tensors="pt")
    logits = model(**values).logits[0]  # (T, L)
    scale = SPREAD / logits.std(dim=0).clamp(min=1e-3)
    head.weight.mul_(scale.reshape(-1, *[1] * (head.weight.dim() - 1)))
    head.bias.sub_(logits.mean(dim=0)).mul_(scale)
    # As in a trained model, the blank is the most frequent label.
    logits = (logits - logits.mean(dim=0)) * scale
    blank = model.config.pad_token_id
    others = logits.clone()
    others[:, blank] = -torch.inf
    head.bias[blank] += (others.amax(dim=1) - logits[:, blank]).quantile(_BLANK_SHARE)


CASES = (
    Case(
        "wav2vec2",
        "facebook/wav2vec2-base-960h",
        "wav2vec2",
        {**_NARROW, **_CONVS},
        real={"vocab_size": len(TOKENS)},
    ),
    Case(
        "wav2vec2, stable norm",
        "facebook/wav2vec2-large-xlsr-53",
        "wav2vec2",
        {**_NARROW, **_CONVS, **_STABLE},
    ),
    Case(
        "wav2vec2, add_adapter",
        "facebook/wav2vec2-large-xlsr-53 with add_adapter",
        "wav2vec2",
        {**_NARROW, **_CONVS, **_STABLE, "add_adapter": True, "output_hidden_size": 40},
        features=False,
    ),
    Case(
        "wav2vec2, 9 812 labels",
        "a conversion of omniASR-CTC-300M to Wav2Vec2ForCTC",
        "wav2vec2",
        {**_NARROW, **_CONVS, **_STABLE, "vocab_size": len(_MANY_TOKENS)},
        tokens=_MANY_TOKENS,
        features=False,
    ),
    Case(
        "hubert",
        "facebook/hubert-large-ls960-ft",
        "hubert",
        {**_NARROW, **_CONVS, **_STABLE},
        real={"vocab_size": len(TOKENS)},
    ),
    Case(
        "wavlm",
        "microsoft/wavlm-base",
        "wavlm",
        {**_NARROW, **_CONVS},
        real={"vocab_size": len(TOKENS)},
    ),
    Case(
        "data2vec-audio",
        "facebook/data2vec-audio-base-960h",
        "data2vec-audio",
        {**_NARROW, **_CONVS},
        real={"vocab_size": len(TOKENS)},
    ),
    Case(
        "unispeech",
        "microsoft/unispeech-1350-en-353-fr-ft-1h",
        "unispeech",
        {**_NARROW, **_CONVS, **_STABLE},
        real={"vocab_size": len(TOKENS)},
    ),
    Case(
        "unispeech-sat",
        "microsoft/unispeech-sat-base-100h-libri-ft",
        "unispeech-sat",
        {**_NARROW, **_CONVS},
        real={"vocab_size": len(TOKENS)},
    ),
    Case(
        "wav2vec2-conformer, relative",
        "facebook/wav2vec2-conformer-rel-pos-large-960h-ft",
        "wav2vec2-conformer",
        {**_NARROW, **_CONVS, **_CONFORMER, "position_embeddings_type": "relative"},
        real={"vocab_size": len(TOKENS), "feat_extract_norm": "layer", "hidden_size": 768},
    ),
    Case(
        "wav2vec2-conformer, rotary",
        "facebook/wav2vec2-conformer-rope-large-960h-ft",
        "wav2vec2-conformer",
        {**_NARROW, **_CONVS, **_CONFORMER, "position_embeddings_type": "rotary"},
    ),
    Case(
        "wav2vec2-conformer, add_adapter",
        "the same with add_adapter",
        "wav2vec2-conformer",
        {**_NARROW, **_CONVS, **_CONFORMER, "add_adapter": True},
        features=False,
    ),
    Case(
        "sew",
        "asapp/sew-tiny-100k-ft-ls100h",
        "sew",
        {**_NARROW, **_SEW},
        features=False,
        real={
            "vocab_size": len(TOKENS),
            "hidden_size": 512,
            "num_attention_heads": 8,
            "intermediate_size": 2048,
        },
    ),
    Case(
        "sew-d",
        "asapp/sew-d-tiny-100k-ft-ls100h",
        "sew-d",
        {
            **_NARROW,
            **_SEW,
            "position_buckets": 8,
            "max_position_embeddings": 32,
            "num_conv_pos_embeddings": 31,
        },
        features=False,
        real={
            "vocab_size": len(TOKENS),
            "hidden_size": 384,
            "num_attention_heads": 6,
            "intermediate_size": 1536,
        },
    ),
    Case(
        "wav2vec2-bert",
        "facebook/w2v-bert-2.0 fine-tuned, relative_key",
        "wav2vec2-bert",
        {**_NARROW, **_BERT},
        extractor=_FBANK,
        real={"vocab_size": len(TOKENS), "num_hidden_layers": 12},
    ),
    Case(
        "wav2vec2-bert, add_adapter",
        "facebook/w2v-bert-2.0 fine-tuned with add_adapter",
        "wav2vec2-bert",
        {**_NARROW, **_BERT, "add_adapter": True, "output_hidden_size": 40},
        extractor=_FBANK,
        features=False,
    ),
    Case(
        "wav2vec2-bert, add_adapter and a feed-forward before it",
        "the same with use_intermediate_ffn_before_adapter",
        "wav2vec2-bert",
        {
            **_NARROW,
            **_BERT,
            "add_adapter": True,
            "num_adapter_layers": 2,
            "use_intermediate_ffn_before_adapter": True,
            "position_embeddings_type": "relative",
        },
        extractor=_FBANK,
        features=False,
    ),
    Case(
        "wav2vec2-bert, rotary",
        "the same with rotary positions",
        "wav2vec2-bert",
        {**_NARROW, **_BERT, "position_embeddings_type": "rotary"},
        extractor=_FBANK,
    ),
    Case(
        "parakeet_ctc",
        "nvidia/parakeet-ctc-0.6b",
        "parakeet_ctc",
        {
            "vocab_size": len(PIECES),
            "pad_token_id": len(PIECES) - 1,
            "encoder_config": {
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "intermediate_size": 64,
                "subsampling_conv_channels": 16,
                "conv_kernel_size": 9,
            },
        },
        extractor=_NEMO,
        tokens=PIECES,
    ),
)

_XVECTOR = {"tdnn_dim": (24, 24, 24, 24, 40), "xvector_output_dim": 20}
_SUM = {"use_weighted_layer_sum": True, "classifier_proj_size": 24}
_TASKS = {
    "ForSequenceClassification": "classification",
    "ForAudioFrameClassification": "frame classification",
    "ForXVector": "embedding",
}


def _task_case(name: str, published: str, kind: str, ending: str, **config: Any) -> Case:
    """Build the case of a task other than transcription."""
    extractor = config.pop("extractor", _EXTRACTOR)
    narrow = {**_NARROW, "num_labels": 5, **config}
    return Case(
        f"{name}: {_TASKS[ending]}",  # unlike that of a CTC model
        published,
        kind,
        narrow,
        ending=ending,
        extractor=extractor,
        tokens=(),
        features=False,
        task=_TASKS[ending],
    )


_LABELS, _FRAMES, _SPEAKERS = _TASKS
TASK_CASES = (  # of tasks other than transcription
    _task_case(
        "wav2vec2, adapters",
        "facebook/mms-lid-256",
        "wav2vec2",
        _LABELS,
        **_CONVS,
        **_STABLE,
        adapter_attn_dim=8,
        num_labels=256,
    ),
    _task_case(
        "wav2vec2, weighted sum",
        "superb/wav2vec2-base-superb-ks",
        "wav2vec2",
        _LABELS,
        **_CONVS,
        **_SUM,
    ),
    _task_case(
        "wav2vec2",
        "anton-l/wav2vec2-base-superb-sv",
        "wav2vec2",
        _SPEAKERS,
        **_CONVS,
        **_SUM,
        **_XVECTOR,
    ),
    _task_case(
        "hubert, weighted sum",
        "superb/hubert-large-superb-er",
        "hubert",
        _LABELS,
        **_CONVS,
        **_SUM,
        **_STABLE,
    ),
    _task_case(
        "wavlm", "microsoft/wavlm-base-plus with a classifier", "wavlm", _LABELS, **_CONVS, **_SUM
    ),
    _task_case(
        "wavlm", "microsoft/wavlm-base-plus-sv", "wavlm", _SPEAKERS, **_CONVS, **_SUM, **_XVECTOR
    ),
    _task_case("wavlm", "microsoft/wavlm-base-plus-sd", "wavlm", _FRAMES, **_CONVS, **_SUM),
    _task_case(
        "unispeech-sat",
        "microsoft/unispeech-sat-base-plus-sv",
        "unispeech-sat",
        _SPEAKERS,
        **_CONVS,
        **_SUM,
        **_XVECTOR,
    ),
    _task_case(
        "data2vec-audio",
        "facebook/data2vec-audio-base with a classifier",
        "data2vec-audio",
        _LABELS,
        **_CONVS,
        **_SUM,
    ),
    _task_case(
        "wav2vec2-conformer",
        "facebook/wav2vec2-conformer-rel-pos-large with a classifier",
        "wav2vec2-conformer",
        _LABELS,
        **_CONVS,
        **_CONFORMER,
        **_SUM,
    ),
    _task_case(
        "wav2vec2-bert",
        "facebook/w2v-bert-2.0 with a classifier of frames",
        "wav2vec2-bert",
        _FRAMES,
        **_BERT,
        **_SUM,
        extractor=_FBANK,
    ),
    _task_case("sew", "asapp/sew-tiny-100k with a classifier", "sew", _LABELS, **_SEW),
)
