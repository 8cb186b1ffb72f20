"""The header of a file in KenLM's binary format, checked before kenlm maps the file.

kenlm trusts the numbers in the file. Here its format, version, order and the counts of its n-grams
are compared with its size; the tables behind them are not, and only a file from a trusted place is
safe. Reads the first bytes; needs no kenlm.
"""

import struct
from pathlib import Path

from voxport.errors import InputError

_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n"
_MAGIC_START = _MAGIC[:41]
# In the machine's order, little-endian wherever voxport runs: 0.0, 1.0, -0.5, 1, the largest word
# index, padding, 1
_SANITY = struct.pack("<3f3IQ", 0.0, 1.0, -0.5, 1, 2**32 - 1, 0, 1)
_MAGIC_BYTES = 56
_FIXED = struct.Struct("<B3xfI?3xI")  # order, multiplier, kind, vocabulary, version of the search
_KINDS = 6
_MOST_ORDER = 12  # kenlm's own limit, 6, can be raised where it is compiled


def is_kenlm_binary(head: bytes) -> bool:
    """Tell whether a file starts as KenLM's binary format does, of whatever version."""
    return head.startswith(_MAGIC_START)


def check_kenlm_header(path: Path) -> int:
    """Return the order of a model in KenLM's binary format.

    Raises:
        InputError: the file is of another format or version, damaged, or smaller than its counts.
        OSError: it cannot be read.
    """
    fixed_at = _MAGIC_BYTES + len(_SANITY)
    with path.open("rb") as file:
        head = file.read(fixed_at + _FIXED.size + 8 * _MOST_ORDER)
        size = file.seek(0, 2)
    if not is_kenlm_binary(head):
        raise InputError("is no language model: neither KenLM's binary format nor ARPA", path)
    if not head.startswith(_MAGIC):
        raise InputError(
            "is of another version of KenLM's binary format than 5: build it again from its ARPA "
            "file (build_binary)",
            path,
        )
    if head[_MAGIC_BYTES:fixed_at] != _SANITY or len(head) < fixed_at + _FIXED.size:
        raise InputError("truncated or damaged: the header of KenLM's binary format", path)
    order, multiplier, kind, _, _ = _FIXED.unpack_from(head, fixed_at)
    if not 1 <= order <= _MOST_ORDER or kind >= _KINDS or not 1 <= multiplier < 100:
        raise InputError(f"damaged: its header says order {order} and kind {kind}", path)
    counts_at = fixed_at + _FIXED.size
    if len(head) < counts_at + 8 * order:
        raise InputError("truncated: it ends within its header", path)
    counts = struct.unpack_from(f"<{order}Q", head, counts_at)
    # The most compact kind takes several bytes for a word, and bits for a longer n-gram.
    if 8 * counts[0] + sum(counts[1:]) // 8 > size:
        raise InputError(
            f"truncated or damaged: its header promises {sum(counts)} n-grams, more than its "
            f"{size} bytes hold",
            path,
        )
    return order
