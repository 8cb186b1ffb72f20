"""A stream put together from ranges of another one and new bytes. Knows no formats."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from typing import BinaryIO, TypeAlias

Piece: TypeAlias = bytes | tuple[int, int]  # new bytes; or a range of the stream, start and end


class Spliced(io.RawIOBase):
    """Readable, seekable view: `pieces` of `stream`, one behind another."""

    def __init__(self, stream: BinaryIO, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._stream = stream
        self._pieces = [piece for piece in pieces if _size(piece)]
        self._starts = [0]  # of each piece in this view, and the view's end
        for piece in self._pieces:
            self._starts.append(self._starts[-1] + _size(piece))
        self._place = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise OSError(22, "Invalid argument")
        self._place = base + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes; fewer only at the end."""
        size = self._starts[-1] if size < 0 else size
        parts: list[bytes] = []
        while size > 0 and self._place < self._starts[-1]:
            index = bisect_right(self._starts, self._place) - 1
            inside = self._place - self._starts[index]
            part = self._read_piece(self._pieces[index], inside, size)
            if not part:
                break
            parts.append(part)
            self._place += len(part)
            size -= len(part)
        return b"".join(parts)

    def _read_piece(self, piece: Piece, inside: int, size: int) -> bytes:
        if isinstance(piece, bytes):
            return piece[inside : inside + size]
        start, end = piece
        self._stream.seek(start + inside)
        return self._stream.read(min(size, end - start - inside))


def _size(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
