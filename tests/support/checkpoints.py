"""Hugging Face folders with seeded narrow models and tokenizer files written by hand."""

import json
from pathlib import Path

import torch

from support.blanks import favour_blank

LETTERS = list("ETAOINSHRD")
TOKENIZER = {
    "tokenizer_class": "Wav2Vec2CTCTokenizer",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "word_delimiter_token": "|",
    "do_lower_case": False,
}
EXTRACTOR = {
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "sampling_rate": 16_000,
    "padding_value": 0.0,
    "do_normalize": True,
    "return_attention_mask": True,
}


def vocabulary(delimiter="|"):
    tokens = ["<pad>", "<s>", "</s>", "<unk>", delimiter, *LETTERS]
    return {token: index for index, token in enumerate(tokens)}


def make_model(kind="Wav2Vec2", ending="ForCTC", **changes):
    """A narrow eager model of transformers: a greedy path clear of rounding, mostly blanks."""
    import transformers

    torch.manual_seed(0)
    config = {
        "vocab_size": len(vocabulary()),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "conv_dim": (16,) * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
        **changes,
    }
    settings = getattr(transformers, f"{kind}Config")(**config)
    model = getattr(transformers, f"{kind}{ending}")(settings).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.mul_(3)
            else:
                weight.add_(0.1 * torch.randn(weight.shape))
            if name.startswith("lm_head.weight"):
                weight.mul_(30)
        if hasattr(model, "lm_head"):
            blank = model.config.pad_token_id
            favour_blank(lambda x: model(x).logits[0], model.lm_head.bias, blank, normalize=True)
    return model


def write(folder: Path, model, vocab=None, tokenizer=None, extractor=None, config=None) -> Path:
    """Write a folder; `tokenizer`, `extractor` and `config` change fields of their files."""
    model.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary() if vocab is None else vocab))
    files = {
        "tokenizer_config.json": {**TOKENIZER, **(tokenizer or {})},
        "preprocessor_config.json": {**EXTRACTOR, **(extractor or {})},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    if config:
        change(folder / "config.json", **config)
    return folder


def change(path: Path, **fields) -> None:
    """Change fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
