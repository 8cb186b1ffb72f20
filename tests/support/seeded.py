"""Seeded weights of the right shapes in torch's hub cache, from which bundles load unmodified.

The tests have no network for the real weights. A bundle reads a checkpoint of fairseq's fine-tuning
from the cache: its head has extra rows (1, 2, 3 and for some 31 or 35), removed by torchaudio after
loading.
"""

import dataclasses
from pathlib import Path
from urllib.parse import urlparse

import torch
import torchaudio
from torchaudio.pipelines import Wav2Vec2ASRBundle, Wav2Vec2Bundle

from support.blanks import favour_blank

SPREAD = 4.0  # standard deviation of a label's logit over the frames of speech-like noise


def narrow(bundle: Wav2Vec2Bundle) -> Wav2Vec2Bundle:
    """Return a copy of a bundle, two layers deep and a few channels wide."""
    params = dict(bundle._params)
    layers = params["extractor_conv_layer_config"]
    params["extractor_conv_layer_config"] = [(32, kernel, stride) for _, kernel, stride in layers]
    params |= {
        "encoder_embed_dim": 48,
        "encoder_num_layers": 2,
        "encoder_num_heads": 4,
        "encoder_ff_interm_features": 96,
        "encoder_pos_conv_groups": 4,
    }
    copy = dataclasses.replace(bundle, _params=params)
    copy.__doc__ = bundle.__doc__  # states the licence
    return copy


def put_weights(bundle: Wav2Vec2Bundle, torch_home: Path, seed: int = 0) -> None:
    """Write seeded weights for ``bundle.get_model()`` to a folder, its ``TORCH_HOME``."""
    torch.manual_seed(seed)
    factories = {
        "Wav2Vec2": torchaudio.models.wav2vec2_model,
        "WavLM": torchaudio.models.wavlm_model,
    }
    model = factories[bundle._model_type](**bundle._params).eval()
    for name, tensor in model.state_dict().items():
        if tensor.ndim == 1 and "feature_extractor" in name:
            tensor.add_(torch.randn_like(tensor), alpha=0.2)  # else norms are the identity
    if model.aux is not None:
        enliven(model, bundle._normalize_waveform)
    state = model.state_dict()
    if model.aux is not None:
        _add_rows(state, bundle)
    path = torch_home / "hub" / "checkpoints" / Path(urlparse(bundle._path).path).name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)


def _add_rows(state: dict[str, torch.Tensor], bundle: Wav2Vec2ASRBundle) -> None:
    """Add the rows to the head that torchaudio removes after loading."""
    removed = bundle._remove_aux_axis
    rows = [i for i in range(bundle._params["aux_num_out"] + len(removed)) if i not in removed]
    for name in ("aux.weight", "aux.bias"):
        kept = state[name]
        state[name] = kept.new_zeros((len(rows) + len(removed), *kept.shape[1:]))
        state[name][rows] = kept


@torch.no_grad()
def enliven(model: torchaudio.models.Wav2Vec2Model, normalize: bool) -> None:
    """Centre and scale the head for a varied greedy path.

    The frames of an untrained model differ little from each other: its head gives them all the same
    label, or rounding decides.
    """
    samples = torch.arange(32_000)
    loudness = 0.05 + torch.sin(2 * torch.pi * 3 * samples / 16_000).clamp(min=0)  # syllables
    waveform = (torch.randn(32_000).cumsum(0) * 0.01 * loudness)[None]
    if normalize:
        waveform = torch.nn.functional.layer_norm(waveform, waveform.shape)
    logits = model(waveform)[0][0]  # (T, L)
    scale = SPREAD / logits.std(dim=0)
    model.aux.weight.mul_(scale[:, None])
    model.aux.bias.sub_(logits.mean(dim=0)).mul_(scale)
    favour_blank(lambda x: model(x)[0][0], model.aux.bias, 0, normalize)
