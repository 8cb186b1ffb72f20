"""Import of torch and torchaudio as a pair, with a remedy where the two do not fit.

torchaudio refuses a torch of another CUDA version, and its library one of another ABI: either fails
at the import, in torchaudio's own words.
"""

from __future__ import annotations

import importlib.metadata

from voxport.errors import MissingDependencyError

# A pair that imports, for the message: the oldest one
_KNOWN = '"torch==2.11.0" "torchaudio==2.11.0"'


def import_torch_pair() -> None:
    """Import both.

    Raises:
        MissingDependencyError: one is not installed, or the two do not import together.
    """
    try:
        import torch
        import torchaudio
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f'voxport export needs {error.name}: pip install "voxport[export,cpu]"'
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise MissingDependencyError(
            f"torch {_version('torch')} and torchaudio {_version('torchaudio')} do not import "
            f"together: {reason} Install a pair of one CUDA version: pip install -U torch "
            f"torchaudio, or pip install {_KNOWN}"
        ) from error
    del torch, torchaudio


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
