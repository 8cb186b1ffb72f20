"""What onnxruntime is told of a provider, as plain values that are checked where it is not.

Each is there for a reason that stands beside it. No session of CUDA or TensorRT has run with them
yet: docs/guides/gpu.md says what is known from where. Knows no session and no device.
"""

from dataclasses import dataclass
from pathlib import Path

from voxport.backends import providers

_CUDA = {
    # EXHAUSTIVE, the default, measures every convolution again for every new length.
    "cudnn_conv_algo_search": "HEURISTIC",
    # Doubling keeps the arena within about twice what the longest recording needs.
    # kSameAsRequested takes a piece for each tensor of each new length, which none of the next
    # fits: for 40 lengths of up to 4 s, shortest first, 64 MB instead of 18 (a test measures it).
    "arena_extend_strategy": "kNextPowerOfTwo",
    # The default rounds float32 products to 10 bits: emissions are then 1e-3 off, not 1e-5.
    "use_tf32": "0",
}


@dataclass(frozen=True)
class Settings:
    """What is said of a model beside the provider that it runs on."""

    threads: int | None = None  # for one operator on the CPU
    half: bool = False  # its weights are float16
    engines: Path | None = None  # a folder for what TensorRT builds of it
    data: Path | None = None  # where weights beside it lie, if it comes as bytes


DEFAULT = Settings()


def told(provider: str, settings: Settings) -> list[tuple[str, dict[str, str]]]:
    """The provider and those that take the operators it has not, each with its options."""
    return [(name, _options(name, settings)) for name in providers.with_fallbacks(provider)]


def _options(provider: str, settings: Settings) -> dict[str, str]:
    if provider == providers.CUDA:
        return dict(_CUDA)
    if provider == providers.TENSORRT:
        return _tensorrt(settings)
    return {}


def _tensorrt(settings: Settings) -> dict[str, str]:
    """Booleans are "True" and "False" here: onnxruntime refuses 1."""
    options = {"trt_fp16_enable": str(settings.half)}
    if settings.engines is not None:
        # An engine takes minutes to build, at the first run and again for what is longer or
        # shorter than all before. Its name tells the graph and the versions but not the weights,
        # so that each file must have a folder of its own.
        options |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(settings.engines),
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(settings.engines),
        }
    return options
