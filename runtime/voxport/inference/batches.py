"""Batches of clips of similar length.

The cost of a batch is that of its longest row times its rows, so clips of similar length go
together and a limit counts padded samples, not clips. A clip's answer does not depend on its batch,
by the graph's promise; this is only about speed and memory. Knows lengths, nothing else.
"""

import math
from collections.abc import Sequence

# Half a minute of padded audio. More does not stay in a CPU's cache: clips of 1, 3 and 10 s took 3
# to 8 % longer in batches of a minute, and no less in batches of 20 s (base model, onnxruntime,
# fp32 and int8). A GPU has room for more.
BATCH_SECONDS = 30.0

# On a CPU one clip keeps the processor busy, and padding is computed for nothing: twelve clips of 1
# to 20 s in batches of eight, sorted by length, are 1.65 times as much audio and took 1.7 times as
# long as one by one. Of equal clips of 1 s a batch of eight took 0.67 of the processor time of
# eight runs, of 3 s 1.02 (shipped model, one thread). So a batch holds clips of like length only.
CPU_SPREAD = 1.25


def group_by_length(
    lengths: Sequence[int], limit: int, spread: float = math.inf
) -> list[list[int]]:
    """Return batches of indices into ``lengths``, each of at most ``limit`` padded samples.

    The longest of a batch is at most ``spread`` times the shortest. Every index is in one batch. A
    clip longer than the limit runs alone.
    """
    result: list[list[int]] = []
    shortest = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        room = limit // max(1, lengths[index])  # rows of this length, the longest so far
        if not result or len(result[-1]) >= room or lengths[index] > spread * shortest:
            result.append([])
            shortest = lengths[index]
        result[-1].append(index)
    return result


# A GPU looks for kernels, and TensorRT builds an engine, for every new shape. With eight lengths
# from one to its double, 10, 20 and 40 s among them, an eighth of a row is padding at the most (a
# twentieth on average), and 1 to 60 s are 48 lengths. All that is shorter than 0.3 s is one.
_STEPS_PER_OCTAVE = 8
_SHORTEST_S = 0.3125  # 10 s, halved five times


def round_up_length(samples: int, sample_rate: int) -> int:
    """Return the next of a few lengths: many recordings share one."""
    step = max(1, round(_SHORTEST_S * sample_rate / _STEPS_PER_OCTAVE))
    while samples > 2 * _STEPS_PER_OCTAVE * step:
        step *= 2
    return max(_STEPS_PER_OCTAVE, -(-samples // step)) * step
