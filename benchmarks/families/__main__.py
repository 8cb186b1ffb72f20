"""The command ``python -m benchmarks.families``: the table of families, measured.

Exports a narrow model of every family and task, compares each file with transformers' eager model,
and writes the table into ``docs/project/families.md``. Rows measured before are kept in
``benchmarks/results/families.json``; cases named are measured again, without names all are.
``--real`` measures the published sizes instead, with seeded weights, and only prints.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.families.cases import CASES, TASK_CASES
from benchmarks.families.table import measure, read_rows, write_markdown, write_rows

_ROOT = Path(__file__).parents[2]
PAGE = _ROOT / "docs" / "project" / "families.md"
RESULTS = _ROOT / "benchmarks" / "results" / "families.json"
_BEGIN, _END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def main() -> int:
    """Measure cases and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.families", description=__doc__)
    parser.add_argument("names", nargs="*", help="of cases; default: all")
    parser.add_argument("--real", action="store_true", help="the published sizes")
    options = parser.parse_args()
    by_name = {case.name: case for case in (*CASES, *TASK_CASES)}
    if unknown := set(options.names) - set(by_name):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    chosen = [by_name[name] for name in options.names or by_name]
    for case in chosen:
        if not options.real:
            others = [row for row in read_rows(RESULTS) if row.case != case.name]
            write_rows(RESULTS, [*others, *measure(case)])
        elif case.real is not None:
            print(write_markdown(measure(case, real=True)))
    if not options.real:
        write_page(PAGE)
    return 0


def write_page(page: Path) -> None:
    """Put the rows measured so far between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    table = write_markdown(read_rows(RESULTS))
    text = f"{before}{_BEGIN}{table}{_END}{rest.partition(_END)[2]}"
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
