"""Context managers against warnings nobody can act on; everything else is shown."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_torchscript() -> Iterator[None]:
    """Hide the deprecation of ``torch.jit``: C++ hosts still load TorchScript."""
    with warnings.catch_warnings():
        # FutureWarning from torch 2.14 on
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", message=".*torch.jit.*", category=category)
        yield


@contextmanager
def quiet_onnx_exporter() -> Iterator[None]:
    """Hide ``torch.onnx.export``'s warnings of its insides: torchvision, pytrees, axis names."""
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


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hide transformers' progress bars and tables: the exporter prints steps of its own."""
    try:
        from huggingface_hub import utils as hub
        from transformers.utils import logging as messages
    except ImportError:
        yield
        return
    level, bars = messages.get_verbosity(), messages.is_progress_bar_enabled()
    hub_bars = not hub.are_progress_bars_disabled()
    messages.set_verbosity_error()
    messages.disable_progress_bar()
    hub.disable_progress_bars()
    try:
        yield
    finally:
        messages.set_verbosity(level)
        if bars:
            messages.enable_progress_bar()
        if hub_bars:
            hub.enable_progress_bars()
