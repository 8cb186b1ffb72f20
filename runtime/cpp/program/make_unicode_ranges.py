"""Print unicode_ranges.inc: what Python's own unicodedata says of characters.

python3 make_unicode_ranges.py > unicode_ranges.inc
"""

import sys
import unicodedata
from collections.abc import Callable


def ranges(is_in: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Return the runs of characters, first and last, that a test holds for."""
    found: list[tuple[int, int]] = []
    for code in range(sys.maxunicode + 1):
        if not is_in(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


JOINING = ("Cf", "Pe", "Pf", "Po", "Pd")
TABLES: dict[str, Callable[[str], bool]] = {
    "kWide": lambda c: unicodedata.east_asian_width(c) in "WF",
    "kJoinsLast": lambda c: unicodedata.category(c)[0] == "M" or unicodedata.category(c) in JOINING,
    "kOpens": lambda c: unicodedata.category(c) in ("Ps", "Pi"),
}

print(f"// Written by make_unicode_ranges.py: Unicode {unicodedata.unidata_version}.")
for name, test in TABLES.items():
    pairs = [f"{{0x{first:X}, 0x{last:X}}}" for first, last in ranges(test)]
    lines = [", ".join(pairs[i : i + 5]) for i in range(0, len(pairs), 5)]
    body = ",\n    ".join(lines)
    print(f"constexpr Range {name}[] = {{\n    {body},\n}};")
