"""MPEG audio (MP3, MP2, MP1) frame by frame: its true length, damage, and joined files.

libsndfile guesses the length of an MP3 without a Xing header from its first frames, believes a
wrong one, and stops there without a word: of 55 valid files with a variable rate 41 lost 5 to 72 %
of their speech. So the frames are counted here, by their headers, and libsndfile is given a stream
of nothing but frames, behind a header with their true count. Knows ISO 11172-3 and 13818-3 up to a
frame's header; decodes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from voxport.audio import limits, tags
from voxport.audio.spliced import Piece, Spliced
from voxport.errors import AudioFileError

_BLOCK_BYTES = 1 << 20
_MAX_FRAME_BYTES = 2881
_MIN_JUNK_BYTES, _MAX_JUNK_BYTES = 417, 1 << 16  # harmless at the end; between joined files

# libsndfile knows MPEG audio in a stream without a name by a tag; without one, an empty file "._"
# in the working directory makes it look for another format.
_TAG = b"ID3\4\0\0\0\0\0\x0a" + bytes(10)

_MAX_TAGS = 1 << 14  # in a row; runs of zeros count one for 64 KiB
_CHAIN = 3  # headers in a row that make a place the start of a frame

_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBITS = {  # by version 1 or not, and layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True)
class Header:
    """Header of a frame."""

    version: int  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    layer: int
    rate: int  # Hz
    is_mono: bool
    kbits: int  # per second
    size: int  # bytes, header included; 0 in free format, where no header tells

    @property
    def samples(self) -> int:
        """Samples of each channel."""
        if self.layer == 1:
            return 384
        return 1152 if self.layer == 2 or self.version == 3 else 576

    @property
    def info_offset(self) -> int:
        """Bytes from the frame's start to a Xing or Info mark."""
        if self.version == 3:
            return 4 + (17 if self.is_mono else 32)
        return 4 + (9 if self.is_mono else 17)

    @property
    def format(self) -> tuple[int, int, int, bool, int]:
        """Fields of one run; a decoder starts anew after a change.

        The bit rate is one of them for layers 1 and 2, without a header that counts: libmpg123's
        guess of the length is right for one bit rate.
        """
        kbits = 0 if self.layer == 3 else self.kbits
        return self.version, self.layer, self.rate, self.is_mono, kbits


@dataclass(frozen=True)
class Info:
    """Xing, Info or VBRI header: an encoder's counts in the first frame."""

    frames: int | None
    size: int | None  # bytes
    encoder: bytes  # 9 bytes, empty without an extension that can be believed
    padding: bytes  # 3 bytes: 12 bits each of delay and padding, in samples


@dataclass
class Run:
    """Frames of one format, one behind another: the whole input of one decoder."""

    header: Header  # of the first frame
    head: bytes  # the same, as it was written
    ranges: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    frames: int = 0
    infos: list[tuple[int, int, Info]] = field(default_factory=list[tuple[int, int, Info]])
    # (number of the frame before which it stands, place in the file, content)

    def add(self, start: int, size: int) -> None:
        """Append a frame."""
        if self.ranges and self.ranges[-1][1] == start:
            self.ranges[-1] = (self.ranges[-1][0], start + size)
        else:
            self.ranges.append((start, start + size))
        self.frames += 1


@dataclass(frozen=True)
class Part:
    """One run as a stream for a decoder."""

    stream: Spliced
    samples: int  # that a complete decode gives, within two frames
    rate: int  # Hz
    tolerance: int  # samples


def parse_header(head: bytes) -> Header | None:
    """Parse the 4 bytes of a frame's header; None if they are none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or kbits == 15 or rate == 3 or head[3] & 3 == 2:
        return None
    hertz = _RATES_HZ[version][rate]
    is_mono = head[3] >> 6 == 3
    if not kbits:
        return Header(version, layer, hertz, is_mono, 0, 0)
    kbits = _KBITS[version == 3, layer][kbits - 1]
    size = _frame_bytes(version, layer, kbits * 1000, hertz, head[2] >> 1 & 1)
    return Header(version, layer, hertz, is_mono, kbits, size)


def _frame_bytes(version: int, layer: int, bits: int, rate: int, padding: int) -> int:
    if layer == 1:
        return (12 * bits // rate + padding) * 4
    slots = 72 if layer == 3 and version != 3 else 144
    return slots * bits // rate + padding


class _Scanner:
    """Frames of a range of a file."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self.start, self.end = file, start, end
        self._block, self._block_start = b"", 0
        self._free_bytes = 0  # of a frame in free format, without padding
        self._cache: dict[bytes, Header | None] = {}

    def peek(self, place: int, size: int) -> bytes:
        """Return up to `size` bytes at `place`."""
        inside = place - self._block_start
        if inside < 0 or inside + size > len(self._block):
            self._file.seek(place)
            self._block = self._file.read(max(0, min(max(size, _BLOCK_BYTES), self.end - place)))
            self._block_start, inside = place, 0
        return self._block[inside : inside + size]

    def header(self, place: int) -> Header | None:
        """Parse the header at `place`."""
        head = self.peek(place, 4)
        if head not in self._cache:
            self._cache[head] = parse_header(head)
        return self._cache[head]

    def size(self, place: int, header: Header) -> int:
        """Return the bytes of the frame at `place`."""
        if header.size:
            return header.size
        if not self._free_bytes:
            self._free_bytes = self._measure_free(place, header)
        unit = 4 if header.layer == 1 else 1
        return self._free_bytes + unit * (self.peek(place, 3)[2] >> 1 & 1)

    def _measure_free(self, place: int, header: Header) -> int:
        """Return the bytes to the next frame of the same format, the padding left out."""
        block = self.peek(place, 4 * _MAX_FRAME_BYTES)
        at = block.find(block[:2], 4)
        while at >= 0:
            if parse_header(block[at : at + 4]) == header:
                return at - (4 if header.layer == 1 else 1) * (block[2] >> 1 & 1)
            at = block.find(block[:2], at + 1)
        return _MAX_FRAME_BYTES

    def is_frame(self, place: int, count: int = _CHAIN) -> bool:
        """Return whether frames of one format start here: `count`, or up to the end."""
        first = self.header(place)
        header, total = first, 0
        while header is not None and first is not None and header.format == first.format:
            total += 1
            place += self.size(place, header)
            if total == count or place >= self.end:
                return total > 1 or place == self.end
            header = self.header(place)
        return total > 1 and tags.tag_size(self.peek(place, tags.HEAD_BYTES)) > 0

    def skip_tags(self, place: int) -> int:
        """Return the place behind tags and zeros."""
        for _ in range(_MAX_TAGS):
            if place >= self.end:
                break
            head = self.peek(place, tags.HEAD_BYTES)
            size = tags.tag_size(head)
            if not size and head.startswith(b"LYRICSBEGIN"):
                size = tags.tag_size(self.peek(place, 1 << 17))
            if not size:
                block = self.peek(place, 1 << 16)
                size = len(block) - len(block.lstrip(b"\0"))
            if not size:
                break
            place += size
        return min(place, self.end)

    def find_frame(self, place: int) -> int:
        """Return the place of the next frame within possible junk; `end` if there is none."""
        block = self.peek(place, _MAX_JUNK_BYTES)
        at = block.find(b"\xff")
        while at >= 0:
            if self.is_frame(place + at):
                return place + at
            at = block.find(b"\xff", at + 1)
        return self.end


def starts_here(file: BinaryIO) -> bool:
    """Return whether a file is frames of MPEG audio from its start on, tags left out."""
    scanner = _Scanner(file, 0, file.seek(0, 2))
    place = scanner.skip_tags(0)
    head = scanner.header(place)
    return head is not None and scanner.is_frame(place)


def starts_near(file: BinaryIO) -> bool:
    """Return whether frames of MPEG audio start near the start of a file."""
    scanner = _Scanner(file, 0, file.seek(0, 2))
    return scanner.find_frame(scanner.skip_tags(0)) < scanner.end


def split(file: BinaryIO, start: int, end: int) -> list[Part]:
    """Split a range of a file into runs of frames for one decoder each.

    Raises AudioFileError if frames are missing or damaged.
    """
    runs = _runs(_Scanner(file, start, end))
    if not runs:
        raise AudioFileError("holds no frame of MPEG audio")
    for run in runs:
        _check_counts(run, end)
    return [_part(file, run) for run in runs]


def _runs(scanner: _Scanner) -> list[Run]:
    runs: list[Run] = []
    for place, header, is_known in _frames(scanner):
        if header is None:
            if _is_counted(runs):  # all frames are there, and junk follows
                break
            raise AudioFileError(_damage(runs, scanner))
        if not runs or runs[-1].header.format != header.format:
            runs.append(Run(header, scanner.peek(place, 4)))
            if len(runs) > limits.MAX_PARTS:
                raise AudioFileError(limits.TOO_MANY_PARTS)
        run = runs[-1]
        size = scanner.size(place, header)
        info = _parse_info(header, scanner.peek(place, size)) if header.layer == 3 else None
        if info is not None:
            run.infos.append((run.frames, place, info))
            if not run.frames:
                continue  # a new one is made
        elif not is_known:
            raise AudioFileError(_damage(runs, scanner))
        run.add(place, size)
    return [run for run in runs if run.frames]


def _is_counted(runs: list[Run]) -> bool:
    """Return whether the last run has all the frames counted by its last header."""
    if not runs or not runs[-1].infos:
        return False
    number, _, info = runs[-1].infos[-1]
    found = runs[-1].frames - number - (1 if number else 0)
    return info.frames is not None and found >= info.frames


def _frames(scanner: _Scanner) -> Iterator[tuple[int, Header | None, bool]]:
    """Yield place and header of each frame, and whether nothing is missing before it.

    A header of None stands for bytes at the end that are neither frames nor tags.
    """
    place = scanner.skip_tags(scanner.start)
    last: Header | None = None
    is_known = True
    while place < scanner.end:
        header = scanner.header(place)
        if header is not None and (
            (last is not None and header.format == last.format) or scanner.is_frame(place)
        ):
            size = scanner.size(place, header)
            if place + size > scanner.end:
                return  # the last frame is cut: less than a word
            yield place, header, is_known
            last, is_known = header, True
            place += size
            continue
        behind = scanner.skip_tags(place)
        if behind > place:
            place = behind
            continue
        found = scanner.find_frame(place + 1)
        if found >= scanner.end:
            if last is None or scanner.end - place > max(last.size, _MIN_JUNK_BYTES):
                yield place, None, False
            return
        is_known = last is None and found - place <= _MAX_FRAME_BYTES
        place = found


def _damage(runs: list[Run], scanner: _Scanner) -> str:
    end = next((run.ranges[-1][1] for run in reversed(runs) if run.ranges), scanner.start)
    return f"damaged: the bytes from {end} on hold no frame of MPEG audio"


def _parse_info(header: Header, frame: bytes) -> Info | None:
    """Parse the counts in a frame, None if it is one of audio."""
    vbri = frame[36:58]
    if vbri[:4] == b"VBRI" and len(vbri) == 22:
        count, total = vbri[14:18], vbri[10:14]
        return Info(int.from_bytes(count, "big"), int.from_bytes(total, "big"), b"", b"")
    place = header.info_offset
    if frame[place : place + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(frame[place + 4 : place + 8], "big")
    place += 8
    frames = size = None
    if flags & 1:
        frames, place = int.from_bytes(frame[place : place + 4], "big"), place + 4
    if flags & 2:
        size, place = int.from_bytes(frame[place : place + 4], "big"), place + 4
    place += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    extension = frame[place : place + 36]
    is_whole = len(extension) == 36 and extension[0] != 0
    checksum = int.from_bytes(extension[34:36], "big")
    before = frame[: place + 34]  # LAME sums up these, ffmpeg 190 bytes without the checksum
    longer = (before + bytes(2) + frame[place + 36 :] + bytes(190))[:190]
    if is_whole and checksum in (0, _crc16(before), _crc16(longer)):
        return Info(frames, size, extension[:9], extension[21:24])
    return Info(frames, size, b"", b"")


def _crc16(content: bytes) -> int:
    """Return the checksum of LAME's extension: CRC-16, least significant bit first."""
    register = 0
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def _check_counts(run: Run, end: int) -> None:
    """Refuse a run with fewer frames than counted in it; a wrong count alone is no fault."""
    bounds = [number for number, _, _ in run.infos] + [run.frames]
    for index, (number, place, info) in enumerate(run.infos):
        found = bounds[index + 1] - number - (1 if number else 0)
        if info.frames is None or info.frames <= found + 1:
            continue
        frame_bytes = (info.size or 0) / info.frames
        if info.size is not None and info.size <= end - place + 2 * frame_bytes:
            continue  # all bytes are there: the count is wrong
        raise AudioFileError(
            f"truncated: the file ends before its audio does ({found} of {info.frames} frames)"
        )


def _part(file: BinaryIO, run: Run) -> Part:
    pieces: list[Piece] = [*run.ranges]
    header, samples = run.header, run.frames * run.header.samples
    if header.layer == 3 and header.size:
        info = next((info for number, _, info in run.infos if not number), None)
        is_single = len(run.infos) == 1
        pieces.insert(0, _new_info(run, info, is_single))
        if info is not None and info.padding:
            value = int.from_bytes(info.padding, "big")
            samples -= (value >> 12) + (value & 0xFFF if is_single else 0)
    pieces.insert(0, _TAG)
    return Part(Spliced(file, pieces), samples, header.rate, 2 * header.samples)


def _new_info(run: Run, info: Info | None, is_single: bool) -> bytes:
    """Return an Info frame with the run's count, and the delay and padding of its own."""
    header = run.header
    head = bytes([0xFF, run.head[1] | 1, 0xE0 | run.head[2] & 0x0C, run.head[3]])  # no checksum
    parsed = parse_header(head)
    assert parsed is not None
    content = bytearray(parsed.size)
    content[:4] = head
    place = header.info_offset
    content[place : place + 12] = b"Xing" + (1).to_bytes(4, "big") + run.frames.to_bytes(4, "big")
    if info is not None and info.padding:
        value = int.from_bytes(info.padding, "big")
        kept = value if is_single else value & 0xFFF000  # padding is within the first file
        content[place + 12 : place + 21] = info.encoder
        content[place + 12 + 21 : place + 12 + 24] = kept.to_bytes(3, "big")
    return bytes(content)
