"""A look at a TorchScript file before torch opens it.

Such a file is a program: ``torch.from_file`` in it reads and writes any file, some as soon as it is
loaded. So one that nobody named runs only if its code and its state are within what the exporter
writes: that is arithmetic on tensors. The look reads no weights: 0.12 s of processor time for
``commands``, 0.37 s with its features. Knows the archive's layout; no torch.
"""

import re
import struct
import zipfile
from collections.abc import Iterable
from typing import BinaryIO

from voxport.backends.torchscript_code import Code, ForeignError
from voxport.backends.torchscript_state import check_constants, check_modules

# ``commands`` with features has 294 members, 189 290 bytes of code and 23 743 of state.
_MAX_MEMBERS = 20_000
_MAX_CODE_BYTES = 8_000_000
_MAX_STATE_BYTES = 4_000_000
_STORED_FLAGS = 0x0808  # UTF-8 names; sizes behind the data too

# torch looks names up without regard to case, and reads others (model.json) in other ways.
_ROOT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_CODE = re.compile(r"code/(__torch__(?:/[A-Za-z_][A-Za-z0-9_]*)+)\.py")
_RECORD = re.compile(r"(data|constants)/(\d+)")
_STATE, _CONSTANTS, _ORDER = "data.pkl", "constants.pkl", "byteorder"
_OTHERS = (_STATE, _CONSTANTS, _ORDER, ".data/version", ".data/serialization_id", "version")

_TWO_WAYS = "is an archive that can be read in two ways"
# The end of the central directory, as torch writes it: 64-bit record, its locator, 32-bit record.
_END = struct.Struct("<4sQHHIIQQQQ 4sIQI 4sHHHHIIH")


def refusal_reason(file: BinaryIO) -> str | None:
    """Return the reason why an archive is not one of the exporter's, or None."""
    try:
        entries = _count_entries(file)
        with zipfile.ZipFile(file) as archive:
            _check_archive(archive, entries)
    except ForeignError as error:
        return str(error)
    except Exception as error:  # a file made for it can raise any of them
        return f"is no TorchScript archive: {error}"
    return None


def _count_entries(file: BinaryIO) -> int:
    """Return the number of members; refuse an end at which two readers could disagree."""
    size = file.seek(0, 2)
    if size < _END.size:
        raise ForeignError("is no TorchScript archive: it is too short")
    file.seek(size - _END.size)
    found = _END.unpack(file.read(_END.size))
    start = size - _END.size
    directory_bytes, directory_start = found[8], found[9]
    if (found[0], found[10], found[14]) != (b"PK\x06\x06", b"PK\x06\x07", b"PK\x05\x06"):
        raise ForeignError("is no TorchScript archive: it does not end like one")
    disks = (found[4], found[5], found[11], found[13], found[15], found[16])
    if disks != (0, 0, 0, 1, 0, 0) or found[1] != 44 or found[21]:
        raise ForeignError(_TWO_WAYS)
    if directory_start + directory_bytes != start or found[12] != start or found[6] != found[7]:
        raise ForeignError(_TWO_WAYS)
    short = (
        min(found[7], 0xFFFF),
        min(directory_bytes, 2**32 - 1),
        min(directory_start, 2**32 - 1),
    )
    if (found[17], *found[18:21]) != (short[0], *short):
        raise ForeignError(_TWO_WAYS)
    if found[7] > _MAX_MEMBERS:
        raise ForeignError(f"has {found[7]} members: at most {_MAX_MEMBERS} are inspected")
    return found[7]


def _check_archive(archive: zipfile.ZipFile, entries: int) -> None:
    if len(archive.infolist()) != entries:
        raise ForeignError(_TWO_WAYS)
    members = _plain_members(archive.infolist())
    code: list[tuple[str, zipfile.ZipInfo]] = []
    records: dict[str, dict[str, int]] = {"data": {}, "constants": {}}
    for name, member in members.items():
        if match := _CODE.fullmatch(name):
            code.append((match[1].replace("/", "."), member))
        elif match := _RECORD.fullmatch(name):
            records[match[1]][match[2]] = member.file_size
        elif name not in _OTHERS:
            raise ForeignError(f"has the member {name[:80]!r}, which the exporter does not write")
    if not {_STATE, _CONSTANTS, _ORDER} <= set(members):
        raise ForeignError("is no TorchScript archive: its state is missing")
    if members[_ORDER].file_size != 6 or archive.read(members[_ORDER]) != b"little":
        raise ForeignError("has another order of bytes than the exporter writes")
    _limit([member for _, member in code], _MAX_CODE_BYTES, "code")
    _limit([members[_STATE], members[_CONSTANTS]], _MAX_STATE_BYTES, "state")
    checked = Code()
    for module, member in code:
        checked.add(module, archive.read(member))
    checked.require_whole()
    check_modules(archive.read(members[_STATE]), records["data"], checked.classes)
    check_constants(archive.read(members[_CONSTANTS]), records["constants"])


def _plain_members(members: Iterable[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Return the members by their names within the archive's one folder."""
    found: dict[str, zipfile.ZipInfo] = {}
    roots: set[str] = set()
    seen: set[str] = set()
    for member in members:
        root, _, name = member.filename.partition("/")
        roots.add(root)
        if member.orig_filename != member.filename or not _ROOT.fullmatch(root):
            raise ForeignError(f"has a member with the name {member.orig_filename[:80]!r}")
        if name.lower() in seen:
            raise ForeignError(f"has the member {name[:80]!r} twice")
        if (
            member.compress_type != zipfile.ZIP_STORED
            or member.compress_size != member.file_size
            or member.flag_bits & ~_STORED_FLAGS
        ):
            raise ForeignError(f"has the member {name[:80]!r} compressed or encrypted")
        seen.add(name.lower())
        found[name] = member
    if len(roots) != 1:
        raise ForeignError(f"has {len(roots)} folders: TorchScript has one")
    return found


def _limit(members: list[zipfile.ZipInfo], most: int, kind: str) -> None:
    size = sum(member.file_size for member in members)
    if size > most:
        raise ForeignError(f"has {size} bytes of {kind}: at most {most} are inspected")
