"""Whether an audio file ends before the audio in it does.

libsndfile reads what is left of a cut wav, aiff or Ogg file and says nothing, and a transcript of
half a recording is a wrong transcript. Each container tells in its own way how long it should be;
this module knows those ways, works on bytes and on libsndfile's log, and decodes nothing.
"""

import re

TAIL = 1 << 17  # bytes: an Ogg page is at most 65 307
HEAD = 1 << 12  # bytes: an MPEG frame is at most 2 881

# Writers to a pipe cannot go back and fill in the length: they leave 0xFFFFFFFF, 0x7FFFFFFF or a
# little less. Nothing is known about such a file.
_UNKNOWN_LENGTH = 0x7FFF0000

# "data : 96000 (should be 47978)": what libsndfile logs when a chunk is larger than its file.
_CHUNK = re.compile(r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)")
_MPEG_LENGTH = (b"Xing", b"Info", b"VBRI")


def chunk_is_cut(log: str) -> bool:
    """Whether libsndfile's log tells of a chunk of samples that is longer than the file."""
    for line in log.splitlines():
        found = _CHUNK.match(line)
        if found and int(found[2]) < int(found[1]) < _UNKNOWN_LENGTH:
            return True
    return False


def ogg_is_cut(tail: bytes) -> bool:
    """Whether the last page in `tail` is incomplete or is not marked as the stream's last."""
    start = tail.rfind(b"OggS")
    page = tail[start:]
    if start < 0:
        return False
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    segments = page[26]
    size = 27 + segments + sum(page[27 : 27 + segments])
    return len(page) < size or not page[5] & 0x04


def mpeg_knows_its_length(head: bytes) -> bool:
    """Whether an MP3's first frame holds the count of those that follow; without it, all is guess.

    `head` starts after any ID3 tag.
    """
    return any(mark in head for mark in _MPEG_LENGTH)


def id3_size(head: bytes) -> int:
    """The length in bytes of the ID3v2 tag that `head` starts with, 0 if there is none."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:10]:  # 7 bits each
        size = size << 7 | byte & 0x7F
    return size + 10
