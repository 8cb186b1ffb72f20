"""Context managers that hold back warnings nobody can act on; everything else is shown."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_torchscript() -> Iterator[None]:
    """Hide the deprecation of ``torch.jit``: C++ hosts still load TorchScript."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
        yield


@contextmanager
def quiet_onnx_exporter() -> Iterator[None]:
    """Hide what ``torch.onnx.export`` says of its own insides: torchvision, pytrees, axis names."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.filterwarnings("ignore", message=".*axis name.*", category=UserWarning)
            yield
    finally:
        logger.setLevel(level)
