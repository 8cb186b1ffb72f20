"""The output of every layer against torchaudio's ``extract_features``, row by row."""

import pytest
import torch
import torchaudio

from support.graphs import EDGES, FAMILIES
from support.noise import LAYERS, make_model, make_row
from voxport_export.graph.conv_backbone import ConvBackbone
from voxport_export.graph.features import FeatureGraph


def make_wavlm(first=False, reach=40):
    """Return a WavLM; distances beyond ``reach`` frames share a score, and 10 s are 499 frames."""
    torch.manual_seed(4)
    mode = "layer_norm" if first else "group_norm"
    model = torchaudio.models.wavlm_model(
        mode, LAYERS, first, 32, 0.0, 16, 4, 3, 4, 12, reach, 0.0, 64, 0.0, 0.0, first, 0.0, None
    ).eval()
    for parameter in model.encoder.transformer.layers[0].attention.rel_attn_embed.parameters():
        parameter.data.mul_(3)  # else positions hardly change the output
    return model


MODELS = {
    **{name: lambda family=family: make_model(**family) for name, family in FAMILIES.items()},
    "wavlm base": make_wavlm,
    "wavlm large": lambda: make_wavlm(first=True),
}


def make_batch(padding=float("nan")):
    waveform = torch.full((len(EDGES), max(EDGES)), padding)
    for row, samples in enumerate(EDGES):
        waveform[row, :samples] = make_row(samples, seed=row)
    return waveform, torch.tensor(EDGES)


@pytest.mark.parametrize("normalize_eps", [None, 1e-5], ids=["plain", "normalised"])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@torch.no_grad()
def test_a_batch_equals_torchaudio_row_by_row(make, normalize_eps):
    model = make()
    backbone = ConvBackbone.from_torchaudio(model, normalize_eps)
    waveform, lengths = make_batch()
    layers, frames = FeatureGraph(backbone)(waveform, lengths)
    for row, samples in enumerate(EDGES):
        count = int(frames[row])
        assert not any(layer[row, count:].any() for layer in layers)
        if samples < backbone.receptive_field:
            assert count == 0
            continue
        alone = waveform[row : row + 1, :samples]
        if normalize_eps:
            alone = torch.nn.functional.layer_norm(alone, alone.shape, eps=normalize_eps)
        expected = model.extract_features(alone)[0]
        assert len(expected) == len(layers)
        for found, wanted in zip(layers, expected, strict=True):
            assert wanted.shape[1] == count
            bound = 1e-4 * max(1.0, float(wanted.abs().max()))
            assert float((found[row, :count] - wanted[0]).abs().max()) <= bound
