"""Folders of models for tasks other than transcription, shaped as published checkpoints.

Narrow, with seeded weights: every parameter is random, the weights of the layers too. The reference
is transformers' eager model on one recording alone, without padding.
"""

import json
from pathlib import Path

import numpy as np
import soundfile
import torch

from support.checkpoints import EXTRACTOR, change, make_model

RATE = 16_000
LANGUAGES = [a + b + c for a in "abcdefgh" for b in "aeiou" for c in "klmnrst"][:256]
XVECTOR = {"tdnn_dim": (24, 24, 24, 24, 40), "xvector_output_dim": 20}
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
# Three convolutions in place of seven, at the same 20 ms a frame: the export takes half the time
FEW_CONVOLUTIONS = {
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (5, 8, 8),
    "num_hidden_layers": 1,
}
ENDINGS = ("ForSequenceClassification", "ForAudioFrameClassification", "ForXVector")

# As facebook/mms-lid-256: adapters in every layer, one label a language
LANGUAGE_MODEL = {
    "kind": "Wav2Vec2",
    "adapter_attn_dim": 8,
    "classifier_proj_size": 16,
    "id2label": dict(enumerate(LANGUAGES)),
    "label2id": {label: index for index, label in enumerate(LANGUAGES)},
    **STABLE,
}
# As superb/hubert-large-superb-er, written by transformers 4: a weighted sum of layers whose last
# is normalised
EMOTION_MODEL = {
    "kind": "Hubert",
    "use_weighted_layer_sum": True,
    "classifier_proj_size": 16,
    "id2label": {0: "neu", 1: "hap", 2: "ang", 3: "sad"},
    "label2id": {"neu": 0, "hap": 1, "ang": 2, "sad": 3},
    **STABLE,
}
# As microsoft/wavlm-base-plus-sv and -sd
SPEAKER_MODEL = {
    "kind": "WavLM",
    "ending": "ForXVector",
    "use_weighted_layer_sum": True,
    **XVECTOR,
    **FEW_CONVOLUTIONS,
}
DIARIZATION_MODEL = {
    "kind": "WavLM",
    "ending": "ForAudioFrameClassification",
    "use_weighted_layer_sum": True,
    "num_labels": 2,
    **FEW_CONVOLUTIONS,
}


def make(kind, ending="ForSequenceClassification", **changes):
    """A narrow eager model with answers that differ from recording to recording."""
    model = make_model(kind, ending, **changes)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        if hasattr(model, "layer_weights"):
            model.layer_weights.copy_(torch.randn(len(model.layer_weights), generator=generator))
        for name in ("projector", "classifier", "feature_extractor"):
            head = getattr(model, name, None)
            if isinstance(head, torch.nn.Linear):
                head.weight.mul_(4)
                head.bias.copy_(torch.randn(head.bias.shape, generator=generator))
    return model


def write(folder: Path, model, extractor=None, config=None) -> Path:
    """Write a folder without a vocabulary; ``config`` changes fields of config.json."""
    model.save_pretrained(folder)
    content = {**EXTRACTOR, **(extractor or {})}
    (folder / "preprocessor_config.json").write_text(json.dumps(content))
    if config:
        change(folder / "config.json", **config)
    return folder


def make_waveform(samples, seed=0):
    """Noise (samples,) whose spectrum differs by its seed."""
    rng = np.random.default_rng(seed)
    noise = np.cumsum(rng.standard_normal(samples)) * 0.01
    noise += 0.2 * np.sin(np.arange(samples) * (0.02 + 0.05 * seed))
    return (noise - noise.mean()).clip(-0.99, 0.99).astype(np.float32)


def write_recordings(folder: Path, lengths=(11_000, 7_000)) -> list[Path]:
    """Write a 16-bit wav of each length, in samples."""
    paths = []
    for seed, samples in enumerate(lengths):
        paths.append(folder / f"clip{seed}.wav")
        soundfile.write(paths[-1], make_waveform(samples, seed), RATE, subtype="PCM_16")
    return paths


@torch.no_grad()
def eager_answer(model, waveform, normalizes=True):
    """transformers' answer to one waveform (S,): logits, or an embedding."""
    from transformers import Wav2Vec2FeatureExtractor

    extractor = Wav2Vec2FeatureExtractor(do_normalize=normalizes)
    values = extractor(waveform, sampling_rate=RATE, return_tensors="pt").input_values
    found = model(values)
    return (found.embeddings if hasattr(found, "embeddings") else found.logits)[0].numpy()
