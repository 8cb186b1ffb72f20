"""The model of every peer: the base model with seeded weights, and its package.

No measurement depends on the weights, and the real ones need a download. They are put into a torch
hub cache of their own, from which torchaudio and voxport load them as usual.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODEL = "WAV2VEC2_ASR_BASE_960H"


def put_weights(workspace: Path) -> None:
    """Write seeded weights of the base model into the workspace's hub cache."""
    home = workspace / "torch"
    if any(home.rglob("*.pt*")):
        return
    import torchaudio

    from tests.support.seeded import put_weights as put

    put(getattr(torchaudio.pipelines, MODEL), home)


def export_package(workspace: Path) -> Path:
    """Export the model in every format and precision for a CPU; return the package.

    ``--force``: on random weights the loss of int8 means nothing.
    """
    folder = workspace / "package"
    if not folder.exists():
        command = [sys.executable, "-m", "voxport", "export", MODEL, "-o", str(folder)]
        command += ["--precision", "fp32", "--precision", "int8", "--force"]
        environment = {**os.environ, "TORCH_HOME": str(workspace / "torch")}
        subprocess.run(command, check=True, env=environment)
    return folder
