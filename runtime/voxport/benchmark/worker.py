"""The process of one candidate: ``python -m voxport.benchmark.worker MODULE:FUNCTION JSON``.

FUNCTION gets the JSON object as keyword arguments and returns a recognizer: waveforms of one batch
in, their texts out; its attribute ``runs_on`` may say more than was asked for. Orders are lines of
JSON on stdin, answers are lines of JSON on the original stdout; everything a library prints goes to
stderr. Clips are arrays in files, read before any clock runs. Nothing heavy is imported here: a
candidate is charged for its own start alone.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from voxport.benchmark import usage
from voxport.errors import VoxportError

Recognize: TypeAlias = Callable[[Sequence[Any]], Sequence[str]]


def main(factory: str, arguments: str) -> None:
    """Open the candidate, then run orders until stdin ends."""
    answers = _take_stdout()
    try:
        start = time.perf_counter()
        recognize = _open(factory, json.loads(arguments))
        loaded = {"loaded": time.perf_counter() - start}
        _answer(answers, loaded | {"runs_on": getattr(recognize, "runs_on", "")})
        for line in sys.stdin:
            _answer(answers, _run_order(recognize, json.loads(line)))
    except Exception as error:  # whatever it is, it is this candidate's result
        name = "" if isinstance(error, VoxportError) else f"{type(error).__name__}: "
        _answer(answers, {"error": name + " ".join(str(error).split())})


def _open(factory: str, arguments: dict[str, Any]) -> Recognize:
    module, _, function = factory.partition(":")
    return getattr(importlib.import_module(module), function)(**arguments)


def _run_order(recognize: Recognize, order: dict[str, Any]) -> dict[str, Any]:
    """Run batches of clips once, each timed alone."""
    if order["fresh"]:
        usage.reset_peak()
    seconds: list[float] = []
    texts: list[str] = []
    for batch in _batches(order["batches"]):
        start = time.perf_counter()
        found = recognize(batch)
        seconds.append(time.perf_counter() - start)
        texts += map(str, found)
    return {"seconds": seconds, "texts": texts, "peak": usage.peak_memory()}


def _batches(files: Sequence[Sequence[str]]) -> Iterator[list[Any]]:
    import numpy as np

    for batch in files:
        yield [np.load(Path(file), allow_pickle=False) for file in batch]


def _take_stdout() -> TextIO:
    """Return the pipe to the parent; from here on, stdout is stderr."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return private


def _answer(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
