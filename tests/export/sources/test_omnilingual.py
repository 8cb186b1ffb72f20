"""Omnilingual ASR's own checkpoints, narrow, written by fairseq2's names."""

import re

import pytest
import torch

from benchmarks.families.cases import make_model
from voxport_export.errors import SourceError
from voxport_export.package.artifact import build_recognizer
from voxport_export.parity.eager import eager_emission
from voxport_export.sources.resolve import resolve
from voxport_export.sources.sentencepiece import Piece, read_pieces

transformers = pytest.importorskip("transformers")

NAMES = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"etaoinshrdlu"]
KINDS = [3, 3, 3, 2, *[1] * 13]
CONFIG = {
    "vocab_size": len(NAMES),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 16,
    "intermediate_size": 48,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "do_stable_layer_norm": True,
}
# transformers' names and fairseq2's, written the other way round than the source's own table
TO_FAIRSEQ2 = [
    (r"wav2vec2\.feature_extractor\.conv_layers\.", "encoder_frontend.feature_extractor.layers."),
    (r"wav2vec2\.feature_projection\.layer_norm\.", "encoder_frontend.post_extract_layer_norm."),
    (r"wav2vec2\.feature_projection\.projection\.", "encoder_frontend.model_dim_proj."),
    (
        r"wav2vec2\.encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original0",
        "encoder_frontend.pos_encoder.conv.weight_g",
    ),
    (
        r"wav2vec2\.encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original1",
        "encoder_frontend.pos_encoder.conv.weight_v",
    ),
    (r"wav2vec2\.encoder\.pos_conv_embed\.", "encoder_frontend.pos_encoder."),
    (r"wav2vec2\.encoder\.layer_norm\.", "encoder.layer_norm."),
    (r"wav2vec2\.encoder\.layers\.(\d+)\.layer_norm\.", r"encoder.layers.\1.self_attn_layer_norm."),
    (r"wav2vec2\.encoder\.layers\.(\d+)\.final_layer_norm\.", r"encoder.layers.\1.ffn_layer_norm."),
    (
        r"wav2vec2\.encoder\.layers\.(\d+)\.attention\.out_proj\.",
        r"encoder.layers.\1.self_attn.output_proj.",
    ),
    (r"wav2vec2\.encoder\.layers\.(\d+)\.attention\.", r"encoder.layers.\1.self_attn."),
    (
        r"wav2vec2\.encoder\.layers\.(\d+)\.feed_forward\.intermediate_dense\.",
        r"encoder.layers.\1.ffn.inner_proj.",
    ),
    (
        r"wav2vec2\.encoder\.layers\.(\d+)\.feed_forward\.output_dense\.",
        r"encoder.layers.\1.ffn.output_proj.",
    ),
    (r"wav2vec2\.masked_spec_embed", "masker.temporal_mask_embed"),
    (r"lm_head\.", "final_proj."),
]


def fairseq2_name(name):
    for pattern, replacement in TO_FAIRSEQ2:
        if re.match(pattern, name):
            return re.sub(f"^{pattern}", replacement, name)
    raise AssertionError(name)


def field(number, content):
    """Write one field of a protobuf message: a number below 128, or bytes."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    return bytes([number << 3 | 2, len(content)]) + content


def sentencepiece_model():
    pieces = (
        field(1, name.encode()) + b"\x15\x00\x00\x00\x00" + field(3, kind)
        for name, kind in zip(NAMES, KINDS, strict=True)
    )
    return b"".join(field(1, piece) for piece in pieces) + field(2, field(3, 16))


@pytest.fixture(scope="module")
def model():
    return make_model("wav2vec2", "ForCTC", CONFIG)


@pytest.fixture
def folder(tmp_path, model):
    weights = {fairseq2_name(name): value for name, value in model.state_dict().items()}
    torch.save({"model": weights, "fs2": True}, tmp_path / "omniASR-CTC-300M.pt")
    (tmp_path / "omniASR_tokenizer_v1.model").write_bytes(sentencepiece_model())
    return tmp_path


@torch.no_grad()
def test_a_checkpoint_answers_as_its_conversion(folder, model):
    source = resolve(str(folder))
    assert (source.name, source.blank, source.sample_rate) == ("omniASR-CTC-300M", 0, 16_000)
    assert source.pieces[:7] == ["<s>", "", "", " \u2047 ", " ", "e", "t"]
    waveform = torch.randn(9_000, generator=torch.Generator().manual_seed(1)) * 0.1
    normalized = torch.nn.functional.layer_norm(waveform, waveform.shape)
    expected = model(normalized[None]).logits[0]
    bound = 1e-4 * max(1.0, float(expected.abs().max()))
    assert float((eager_emission(source, waveform, 400) - expected).abs().max()) <= bound
    found = build_recognizer(source)(waveform[None], torch.tensor([9_000])).emission[0]
    assert float((found - expected).abs().max()) <= bound
    assert resolve(source.origin).labels == source.labels


def test_pieces_are_read_as_the_library_writes_them(folder):
    pieces = read_pieces(folder / "omniASR_tokenizer_v1.model")
    assert pieces == [Piece(name, kind) for name, kind in zip(NAMES, KINDS, strict=True)]


def test_half_precision_becomes_float32(folder):
    path = folder / "omniASR-CTC-300M.pt"
    weights = torch.load(path, weights_only=True)["model"]
    torch.save({"model": {n: w.bfloat16() for n, w in weights.items()}}, path)
    source = resolve(str(folder))
    assert {w.dtype for w in source.model.weights.parameters()} == {torch.float32}


DAMAGES = {
    "no SentencePiece": (
        lambda f: (f / "omniASR_tokenizer_v1.model").write_bytes(b"{}"),
        r"omniASR_tokenizer_v1\.model: not a SentencePiece model",
    ),
    "a tokenizer of another size": (
        lambda f: (f / "omniASR_tokenizer_v1.model").write_bytes(sentencepiece_model()[14:]),
        r"omniASR_tokenizer_v1\.model: .*(17 outputs|not a SentencePiece model)",
    ),
    "no weights": (
        lambda f: (f / "omniASR-CTC-300M.pt").write_bytes(b"x"),
        r"omniASR-CTC-300M\.pt: not a checkpoint of weights alone",
    ),
    "weights of another model": (
        lambda f: torch.save({"a": torch.zeros(1)}, f / "omniASR-CTC-300M.pt"),
        r"omniASR-CTC-300M\.pt: holds no weights of fairseq2's wav2vec2_asr models",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_folder_is_refused(folder, damage, message):
    damage(folder)
    with pytest.raises(SourceError, match=message):
        resolve(str(folder))


def test_an_unused_weight_is_refused(folder):
    path = folder / "omniASR-CTC-300M.pt"
    content = torch.load(path, weights_only=True)
    content["model"]["encoder.layers.0.lora.weight"] = torch.zeros(2)
    torch.save(content, path)
    with pytest.raises(SourceError, match=r"does not use .*lora\.weight"):
        resolve(str(folder))
    assert resolve(str(folder), allow_unused=True).unused_weights
