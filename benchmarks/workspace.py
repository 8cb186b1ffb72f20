"""The model that everything here runs, and where it lies: the base model with seeded weights.

What is measured does not depend on the weights, and the real ones need a download. They are put
into a torch hub cache of their own, so that torchaudio and voxport load them as they always do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODEL = "WAV2VEC2_ASR_BASE_960H"


def put_weights(workspace: Path) -> None:
    """Seeded weights of the base model in the workspace's hub cache."""
    home = workspace / "torch"
    if any(home.rglob("*.pt*")):
        return
    import torchaudio

    from tests.support.seeded import put_weights as put

    put(getattr(torchaudio.pipelines, MODEL), home)


def export_package(workspace: Path) -> Path:
    """The package that voxport makes of them, in every format and precision for a CPU.

    ``--force``: what int8 does to the transcripts of random weights is no measure of it.
    """
    folder = workspace / "package"
    if not folder.exists():
        command = [sys.executable, "-m", "voxport", "export", MODEL, "-o", str(folder)]
        command += ["--precision", "fp32", "--precision", "int8", "--force"]
        environment = {**os.environ, "TORCH_HOME": str(workspace / "torch")}
        subprocess.run(command, check=True, env=environment)
    return folder
