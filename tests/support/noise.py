"""A small torchaudio model with seeded weights, and noise as its input."""

import torch
import torchaudio

LAYERS = [(24, 10, 5), *[(24, 3, 2)] * 4, *[(24, 2, 2)] * 2]


def make_model(mode="group_norm", first=False, bias=False, layers=LAYERS, kernel=128):
    torch.manual_seed(3)
    model = torchaudio.models.wav2vec2_model(
        mode, layers, bias, 32, 0.0, kernel, 4, 2, 4, 0.0, 64, 0.0, 0.0, first, 0.0, 11
    ).eval()
    model.aux.weight.data.mul_(20)
    return model


def make_row(samples, seed=0):
    """Return noise (samples,) with a spectral tilt and a mean, closer to speech than white."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, generator=generator).cumsum(0) * 0.01 + 0.1
