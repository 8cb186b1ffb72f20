"""onnxruntime provider options as plain values, testable without a GPU.

The reason for each stands beside it. No session of CUDA or TensorRT has run with them yet:
docs/guides/gpu.md gives the source of each fact. Knows no session and no device.
"""

from dataclasses import dataclass
from pathlib import Path

from voxport.backends import providers, tensorrt

_CUDA = {
    # EXHAUSTIVE, the default, measures every convolution again for every new length.
    "cudnn_conv_algo_search": "HEURISTIC",
    # Doubling keeps the arena within about twice the need of the longest recording.
    # kSameAsRequested takes a piece for each tensor of each new length, and none of the next fits
    # it: for 40 lengths of up to 4 s, shortest first, 64 MB instead of 18 (a test measures it).
    "arena_extend_strategy": "kNextPowerOfTwo",
    # The default rounds float32 products to 10 bits: emissions are then 1e-3 off, not 1e-5.
    "use_tf32": "0",
}


@dataclass(frozen=True)
class Settings:
    """Settings of a session besides its provider."""

    threads: int | None = None  # for one operator on the CPU
    half: bool = False  # the weights are float16
    engines: Path | None = None  # cache folder for TensorRT's engines
    data: Path | None = None  # folder of external weights, for a model given as bytes


DEFAULT = Settings()


def provider_options(provider: str, settings: Settings) -> list[tuple[str, dict[str, str]]]:
    """List the provider and its fallbacks, each with its options."""
    return [(name, _options(name, settings)) for name in providers.with_fallbacks(provider)]


def _options(provider: str, settings: Settings) -> dict[str, str]:
    if provider == providers.CUDA:
        return dict(_CUDA)
    if provider == providers.TENSORRT:
        return tensorrt.provider_options(settings.half, settings.engines)
    return {}
