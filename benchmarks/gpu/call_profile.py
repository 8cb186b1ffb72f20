"""Profile of a call: time in kernels by kind, in copies, and on the host alone.

PyTorch's profiler records every kernel of the process, onnxruntime's too.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu.engines import ENGINES
from benchmarks.gpu.jobs import Row
from benchmarks.gpu.speed import make_batch
from benchmarks.gpu.target import target_of

_KINDS = (  # the first that a kernel's name holds
    ("copies to the device", r"memcpy.*HtoD"),
    ("copies to the host", r"memcpy.*DtoH"),
    ("copies on the device", r"memcpy|memset|copy|transpose|concat|gather|slice"),
    ("attention", r"flash|fmha|attention"),
    ("convolutions", r"conv|cudnn|implicit|winograd"),
    ("products", r"gemm|cutlass|xmma|nvjet|cublas|addmm|matmul|gemv"),
    ("normalisation and softmax", r"norm|softmax|reduce"),
)
_OTHER = "other kernels"
_CALLS = 3
_MOST_SHOWN = 12  # kernels


def profile(space: str, model: str, engine: str, batch: int, is_dry: bool) -> Iterator[Row]:
    """Profile calls of one batch, after two that are not recorded."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    target = target_of(is_dry)
    recognize = ENGINES[engine].open(Path(space), model, target.device)
    clips = make_batch(batch, target.batch_seconds)
    for _ in range(2):
        recognize(clips)
    begun = time.perf_counter()
    for _ in range(_CALLS):
        recognize(clips)
    unprofiled = (time.perf_counter() - begun) / _CALLS
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if target.is_gpu else [])]
    with record(activities=activities) as recorded:
        begun = time.perf_counter()
        for _ in range(_CALLS):
            recognize(clips)
        wall = (time.perf_counter() - begun) / _CALLS
    kinds, kernels = _sum_kernels(recorded, target.is_gpu)
    busy = sum(kinds.values())
    yield {
        "batch": batch,
        "seconds": unprofiled,
        "seconds_profiled": wall,
        "kinds": {**kinds, "host alone": max(wall - busy, 0.0)},
        "kernels": dict(kernels.most_common(_MOST_SHOWN)),
    }


def _sum_kernels(recorded: Any, is_gpu: bool) -> tuple[dict[str, float], Counter[str]]:
    """Sum seconds a call by kind and by name; of operators where there is no GPU."""
    from torch.autograd import DeviceType

    kinds: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for event in recorded.events():
        if is_gpu and event.device_type == DeviceType.CUDA:
            microseconds = event.device_time_total
        elif not is_gpu:
            microseconds = event.self_cpu_time_total
        else:
            continue
        seconds = microseconds / 1e6 / _CALLS
        kinds[_kind_of(event.name)] += seconds
        names[event.name[:100]] += seconds
    return dict(kinds.most_common()), names


def _kind_of(name: str) -> str:
    return next((kind for kind, pattern in _KINDS if re.search(pattern, name, re.I)), _OTHER)
