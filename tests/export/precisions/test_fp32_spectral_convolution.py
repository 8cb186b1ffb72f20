"""Positional convolutions by spectra."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from voxport_export.graph import block_operators
from voxport_export.precisions.fp32_spectral_convolution import SpectralConv, SpectralPositions
from voxport_export.quiet import quiet_onnx_exporter

CHANNELS, GROUPS = 32, 4


def make_conv(kernel, bias=True):
    torch.manual_seed(kernel)
    half = kernel // 2
    conv = nn.Conv1d(CHANNELS, CHANNELS, kernel, padding=half, groups=GROUPS, bias=bias)
    return conv.requires_grad_(requires_grad=False)


def convolve(conv, x):
    """Convolve x (B, T, D) in float64, to as many frames."""
    y = nn.functional.conv1d(
        x.double().transpose(1, 2),
        conv.weight.double(),
        None if conv.bias is None else conv.bias.double(),
        padding=conv.padding,
        groups=GROUPS,
    )
    return y[..., : x.shape[1]].transpose(1, 2)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [64, 95, 127, 128, 129, 200])
@pytest.mark.parametrize("frames", [1, 2, 63, 64, 65, 130, 499])
def test_spectra_equal_the_convolution(kernel, frames, bias):
    conv = make_conv(kernel, bias)
    x = torch.randn(3, frames, CHANNELS)
    expected = convolve(conv, x)
    spectral = SpectralConv(conv)(x)
    assert spectral.shape == x.shape
    direct = conv(x.transpose(1, 2))[..., :frames].transpose(1, 2)
    bound = max(2e-6, 2 * float((direct - expected).abs().max()))
    assert float((spectral - expected).abs().max()) <= bound


@pytest.fixture(scope="module", params=[64, 128])
def conv_and_session(request, tmp_path_factory):
    conv, path = make_conv(request.param), tmp_path_factory.mktemp("spectral") / "conv.onnx"
    with quiet_onnx_exporter():
        torch.onnx.export(
            SpectralConv(conv).eval(),
            (torch.randn(2, 150, CHANNELS),),
            path,
            dynamo=True,
            opset_version=20,
            dynamic_shapes={"x": {0: torch.export.Dim("batch"), 1: torch.export.Dim("frames")}},
            custom_translation_table=block_operators.TRANSLATION,
            verbose=False,
        )
    return conv, onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("frames", [1, 2, 63, 64, 65, 499, 1100])
def test_the_file_takes_any_batch_and_length(conv_and_session, batch, frames):
    conv, session = conv_and_session
    x = torch.randn(batch, frames, CHANNELS)
    found = session.run(None, {"x": x.numpy()})[0]
    np.testing.assert_allclose(found, convolve(conv, x), rtol=0, atol=3e-6)


def test_a_row_is_independent_of_its_neighbour():
    spectral = SpectralConv(make_conv(128))
    x = torch.randn(2, 100, CHANNELS)
    louder = torch.stack([x[0], x[1] * 1e6])
    assert torch.equal(spectral(x)[0], spectral(louder)[0])


def test_only_kernels_of_64_taps_or_more_are_supported():
    assert SpectralPositions.supports(make_conv(128))
    assert not SpectralPositions.supports(make_conv(31))
