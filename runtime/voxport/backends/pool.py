"""Several backends of one artifact as one, for as many threads as there are.

Knows no engine and no process.
"""

import queue
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from voxport.backends.contract import (
    OUTPUTS,
    Backend,
    FeatureOutput,
    GraphOutput,
    HeadOutput,
)


class BackendPool:
    """Backends that answer one run each at a time; a further thread waits for a free one.

    Attributes:
        provider: the provider of all of them.
        runtime: their engine.
    """

    def __init__(self, backends: Sequence[Backend]) -> None:
        self.provider, self.runtime = backends[0].provider, backends[0].runtime
        self._free: queue.LifoQueue[Backend] = queue.LifoQueue()  # the last one's caches are warm
        for backend in backends:
            self._free.put(backend)

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Return the named outputs for each row of the batch."""
        with self._taken() as backend:
            return backend.run(waveform, lengths, outputs)

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        layers: Sequence[int],  # counted from 1
    ) -> FeatureOutput:
        """Return the outputs of these transformer layers."""
        with self._taken() as backend:
            return backend.extract(waveform, lengths, layers)

    def answer(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        task: str,
    ) -> HeadOutput:
        """Return the outputs of a task other than transcription."""
        with self._taken() as backend:
            return backend.answer(waveform, lengths, task)

    @contextmanager
    def _taken(self) -> Generator[Backend, None, None]:
        backend = self._free.get()
        try:
            yield backend
        finally:
            self._free.put(backend)
