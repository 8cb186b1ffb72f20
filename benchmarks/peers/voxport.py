"""voxport's own artifacts, opened as ``voxport benchmark`` opens them."""

from __future__ import annotations

from voxport.benchmark.package import Opened


def opened(folder: str, artifact: str, provider: str, threads: int) -> Opened:
    """One artifact of a package."""
    return Opened(folder, artifact, provider, threads)
