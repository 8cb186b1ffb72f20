"""Tags around MPEG and FLAC audio: ID3, APE, Lyrics3, padding. Knows lengths, no text."""

_ID3V1_BYTES, _ID3V1_EXTENDED_BYTES = 128, 227
_APE_BYTES = 32  # of its header and of its footer
_LYRICS = (b"LYRICSBEGIN", b"LYRICS200", b"LYRICSEND")
_MAX_LYRICS_BYTES = 1 << 20

HEAD_BYTES = 32  # enough for `tag_size`, but for Lyrics3


def id3_size(head: bytes) -> int:
    """Return the bytes of the ID3v2 tag at the start of `head`, 0 if there is none."""
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
        return 0
    size = 0
    for byte in head[6:10]:  # 7 bits each
        size = size << 7 | byte
    footer = 10 if head[5] & 0x10 else 0
    return size + 10 + footer


def tag_size(head: bytes) -> int:
    """Return the bytes of the tag at the start of `head`, 0 if there is none."""
    if head.startswith(b"TAG+"):
        return _ID3V1_EXTENDED_BYTES
    if head.startswith(b"TAG"):
        return _ID3V1_BYTES
    if head.startswith(b"APETAGEX") and len(head) >= _APE_BYTES:
        size = int.from_bytes(head[12:16], "little")  # items and footer
        is_header = head[23] & 0x20
        return size + _APE_BYTES if is_header else _APE_BYTES
    if head.startswith(_LYRICS[0]):
        ends = [place + len(mark) for mark in _LYRICS[1:] if (place := head.find(mark)) >= 0]
        return min(ends, default=0)
    return id3_size(head)
