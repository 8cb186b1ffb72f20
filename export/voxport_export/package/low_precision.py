"""Low-precision artifacts: converted, written, loaded again and judged against float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch

from voxport.backends.open import open_artifact
from voxport.doctor import provider_works
from voxport.package.manifest import ONNX, Artifact, QualityGate
from voxport.verification.comparison import Expected
from voxport_export.package.artifact import build_recognizer, file_name, write_artifact
from voxport_export.parity.low_precision import LowPrecisionLimits, measure_loss
from voxport_export.precisions import LOW_PRECISIONS, GraphInputs
from voxport_export.sources.source import Source


@dataclass(frozen=True)
class LowPrecisionWriter:
    """Writer of low-precision artifacts, with the answers they are judged by."""

    source: Source
    answers: Sequence[Expected]  # of float32, on the recordings to calibrate on and to judge by
    fp32: Artifact  # in the same folder
    limits: LowPrecisionLimits
    step: Callable[[str], AbstractContextManager[object]]

    def write(self, precision: str, folder: Path) -> tuple[Artifact, QualityGate]:
        """Write an artifact into ``folder``, load it again and compare it with float32.

        Speed is measured on the precision's own provider. Without this provider here, only the loss
        is measured, on the CPU.

        Raises:
            LowPrecisionError: it loses more than the limit, or is not faster.
        """
        path = file_name(ONNX, precision)
        with self.step(f"Exporting {path}"):
            graph = LOW_PRECISIONS[precision].convert(
                build_recognizer(self.source), self._calibration()
            )
            artifact = write_artifact(graph, self.source, folder, ONNX, precision)
            del graph
        meant = LOW_PRECISIONS[precision].provider
        provider = meant if provider_works(meant) else "cpu"
        with self.step(f"Reloading {path} and comparing it with fp32 on {provider}"):
            backend = open_artifact(folder, artifact, provider)
            fp32 = open_artifact(folder, self.fp32, provider) if provider == meant else None
            rate = self.source.sample_rate
            return artifact, measure_loss(
                path, backend, fp32, self.answers, rate, self.limits, self.source.reference_name
            )

    def _calibration(self) -> list[GraphInputs]:
        waveforms = [torch.from_numpy(one.waveform) for one in self.answers]
        return [(waveform[None], torch.tensor([len(waveform)])) for waveform in waveforms]
