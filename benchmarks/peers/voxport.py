"""voxport's own artifacts, as ``voxport benchmark`` opens them."""

from __future__ import annotations

from voxport.benchmark.package import Opened


def opened(folder: str, artifact: str, provider: str, threads: int) -> Opened:
    """Open one artifact of a package."""
    return Opened(folder, artifact, provider, threads)
