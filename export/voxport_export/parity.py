"""Compare an exported artifact, reloaded from disk, with eager torchaudio.

Each recording is run alone and all of them as one batch whose padding is NaN, so that a graph
that reads its padding, or a neighbour's, cannot pass. Knows nothing of formats: it is handed a
runtime's backend.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torchaudio

from voxport.comparison import Expected, compare
from voxport.graph import Backend
from voxport.manifest import Parity
from voxport_export.errors import ParityError


def measure(
    artifact: str, backend: Backend, expected: Sequence[Expected], sample_rate: int
) -> Parity:
    """Compare an artifact's answers, alone and in one batch, with those that are expected.

    Raises:
        ParityError: an emission, a token or a transcript differs; the message says where.
    """
    checks = [check for one in expected for check in compare(artifact, backend, [one])]
    checks += compare(artifact, backend, expected, padding=np.nan)
    for check in checks:
        if not check.ok:
            raise ParityError(
                f"{artifact} does not answer as eager torchaudio on {check.recording}: "
                f"{check.problem}"
            )
    worst = max(checks, key=lambda check: check.difference / check.tolerance)
    pairs = [
        (one.transcript, check.transcript)
        for one, check in zip([*expected, *expected], checks, strict=True)
    ]
    errors = sum(torchaudio.functional.edit_distance(*pair) for pair in pairs)
    return Parity(
        artifact=artifact,
        reference=f"eager torchaudio {torchaudio.__version__.partition('+')[0]}",
        against=backend.runtime,
        provider=backend.provider,
        clips=len(expected),
        seconds=round(sum(len(one.waveform) for one in expected) / sample_rate, 3),
        max_emission_difference=worst.difference,
        emission_tolerance=worst.tolerance,
        equal_transcripts=sum(one == other for one, other in pairs) / len(pairs),
        cer=errors / max(sum(len(one) for one, _ in pairs), 1),
    )
