"""Export of a bundle by its name alone, for the runtime's cache: ONNX in float32.

Imports torch at once, so that the runtime learns before it says anything whether it can be had.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from voxport.package.manifest import ONNX
from voxport_export.package.export import Options, export_package


def export_bundle(name: str, output: Path, say: Callable[[str], None]) -> None:
    """Export a bundle to a folder; ``say`` is called with each long step."""

    @contextmanager
    def report(step: str) -> Iterator[None]:
        say(f"{step} …")
        yield

    with redirect_stdout(io.StringIO()):  # torch.hub says there what it downloads
        export_package(name, output, Options(formats=(ONNX,)), report)
