"""The tests marked ``cuda`` and the doctor's report, as rows of the results."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.gpu.jobs import Row

_ROOT = Path(__file__).parents[2]
_REASON = 300  # characters kept of a failure


def examine() -> Iterator[Row]:
    """Yield the doctor's report."""
    from voxport import doctor

    report = doctor.examine()
    yield {
        "gpu": report.gpu,
        "versions": report.versions,
        "providers": [asdict(one) for one in report.providers],
    }


def run_tests(paths: list[str]) -> Iterator[Row]:
    """Run ``pytest -m cuda`` and yield the outcome of each test."""
    with tempfile.TemporaryDirectory() as space:
        report = Path(space) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider"]
        command += [f"--junit-xml={report}", *paths]
        found = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
        if not report.exists():
            raise RuntimeError((found.stderr or found.stdout).strip()[-_REASON:])
        for case in ElementTree.parse(report).iter("testcase"):
            yield {"test": f"{case.get('classname')}::{case.get('name')}", **_outcome(case)}


def _outcome(case: ElementTree.Element) -> Row:
    for kind in ("failure", "error", "skipped"):
        part = case.find(kind)
        if part is not None:
            reason = " ".join((part.get("message") or "").split())[:_REASON]
            return {"outcome": kind, "reason": reason}
    return {"outcome": "passed", "seconds": float(case.get("time") or 0)}
