"""The count of operations against PyTorch's own counter on torchaudio's model."""

import pytest

from benchmarks.flops import BASE, flops

torch = pytest.importorskip("torch")
torchaudio = pytest.importorskip("torchaudio")

from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from support import seeded  # noqa: E402

BUNDLE = torchaudio.pipelines.WAV2VEC2_ASR_BASE_960H


@pytest.mark.parametrize("samples", [16_000, 5_123])
def test_the_count_equals_pytorchs(samples):
    params = seeded.narrow(BUNDLE)._params
    model = torchaudio.models.wav2vec2_model(**params).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter, sdpa_kernel(SDPBackend.MATH):  # the only one it counts
        model(torch.zeros(1, samples))
    assert flops(samples, params) == counter.get_total_flops()


def test_the_base_models_parameters_are_torchaudios():
    params = BUNDLE._params
    assert {name: params[name] for name in BASE} == BASE
    assert flops(160_000) == pytest.approx(148e9, rel=0.05)  # ten seconds in the design document
