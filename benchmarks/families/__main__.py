"""The command ``python -m benchmarks.families``: the table of families, measured.

Exports a narrow model of every family and task, compares each file with transformers' eager model,
and prints the table. ``--write`` puts it into ``docs/project/families.md``; ``--real`` measures the
published sizes instead (about 400 MB of seeded weights a family).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.families.cases import CASES
from benchmarks.families.table import measure, write_markdown

PAGE = Path(__file__).parents[2] / "docs" / "project" / "families.md"
_BEGIN, _END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def main() -> int:
    """Measure the cases and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.families", description=__doc__)
    parser.add_argument("names", nargs="*", help="of cases; default: all")
    parser.add_argument("--real", action="store_true", help="the published sizes")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    options = parser.parse_args()
    if unknown := set(options.names) - {case.name for case in CASES}:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    chosen = [case for case in CASES if not options.names or case.name in options.names]
    if options.real:
        chosen = [case for case in chosen if case.real is not None]
    table = write_markdown(measure(chosen, options.real))
    print(table)
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
        after = rest.partition(_END)[2]
        PAGE.write_text(f"{before}{_BEGIN}{table}{_END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
