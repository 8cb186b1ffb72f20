"""Opening of an artifact: its files are checked, and an engine opens the very bytes checked.

The engine runs here, or in a process of its own with limits.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from voxport.backends.contract import Backend, ModelFile
from voxport.backends.engines import OpenRequest, open_engine, reads_bytes
from voxport.backends.isolation import Isolation
from voxport.package.integrity import private_copies, read_file
from voxport.package.manifest import Artifact, ModelInfo

# A larger file is copied instead: engines that are given bytes hold them beside their own copy. For
# 403 MB of weights onnxruntime 1.31 then peaks at 1 200 MB, and at 504 MB when it maps a file.
_IN_MEMORY_BYTES = 64_000_000


def open_artifact(
    folder: Path,
    artifact: Artifact,
    provider: str = "auto",
    threads: int | None = None,
    model: ModelInfo | None = None,
    *,
    is_named: bool = True,
    isolation: Isolation | None = None,
) -> Backend:
    """Check an artifact's files and open it in its backend.

    ``model`` gives the labels to engines without text of their own: OpenVINO, and GPUs.
    ``is_named``: the caller was asked for this kind of artifact. Other TorchScript is opened only
    if it holds nothing but what the exporter writes. ``isolation``: limits of a process of its own;
    the model must be known.
    """
    is_in_memory = reads_bytes(artifact, provider)

    @contextmanager
    def checked() -> Generator[OpenRequest, None, None]:
        with _verified(folder, artifact, is_in_memory) as file:
            yield OpenRequest(file, artifact, provider, threads, model, is_named)

    if isolation is not None:
        from voxport.backends.isolated import open_isolated

        return open_isolated(checked, isolation)
    with checked() as request:
        return open_engine(request)


@contextmanager
def _verified(
    folder: Path, artifact: Artifact, is_in_memory: bool
) -> Generator[ModelFile, None, None]:
    """Yield the artifact's file as the hashed bytes, or a private copy of them."""
    path = folder / artifact.path
    if is_in_memory and artifact.bytes <= _IN_MEMORY_BYTES and not artifact.external_data:
        yield ModelFile(path, read_file(folder, artifact))
        return
    with private_copies(folder, artifact.files) as space:
        yield ModelFile(path, copy=space / artifact.path)
