"""``soundfile.SoundFile`` on a Python stream, without its holes.

libsndfile reads a stream through callbacks. An exception in one of soundfile's own is printed and
answered with 0, for libsndfile the end of the file: a failing drive, or Ctrl-C, would
make a shorter recording. A stream that keeps its errors would not be enough, as Python raises a
signal's exception in any line, the callbacks' own included. So the callbacks are made here, and
keep their exceptions until libsndfile has returned.

Imports soundfile, and is imported on request. Knows no formats and no errors of ours.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, BinaryIO

import soundfile  # pyright: ignore[reportMissingTypeStubs]

_END = 2  # of a file, to seek from

# Answers to libsndfile once something was raised, so that it comes to an end: it has loops that
# look for a header's next chunk until the end of the file.
_FAR = 1 << 62
_FAILED = {"get_filelen": -1, "seek": -1, "read": 0, "tell": _FAR}


class SoundFile(soundfile.SoundFile):
    """File to read; an exception of its stream is raised by the method that needed it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._raised: BaseException | None = None
        self._is_closing = False
        with self._raising():
            super().__init__(stream)

    def read(self, *args: Any, **options: Any) -> Any:
        """Return the next frames."""
        with self._raising():
            return super().read(*args, **options)

    def seek(self, *args: Any, **options: Any) -> int:
        """Go to a frame; ``tell`` is a way to go nowhere."""
        with self._raising():
            return super().seek(*args, **options)

    def close(self) -> None:
        """Close, once: a signal may come when libsndfile has freed a file that soundfile holds."""
        if not self._is_closing:
            self._is_closing = True
            super().close()

    @contextmanager
    def _raising(self) -> Generator[None, None, None]:
        """Raise the exception kept within the block, in place of libsndfile's own."""
        try:
            yield
        finally:
            if self._raised is not None:
                raise self._raised from None

    def _init_virtual_io(self, file: BinaryIO) -> Any:
        """Create the callbacks; overrides soundfile's method of this name, which tests check."""
        ffi: Any = soundfile._ffi  # pyright: ignore[reportPrivateUsage]

        def length(_: Any) -> int:
            place = file.tell()
            size = file.seek(0, _END)
            file.seek(place)
            return size

        def seek(offset: int, whence: int, _: Any) -> int:
            return file.seek(offset, whence)

        def read(pointer: Any, count: int, _: Any) -> int:
            content = b"" if self._raised else file.read(count)
            ffi.memmove(pointer, content, len(content))
            return len(content)

        def tell(_: Any) -> int:
            return _FAR if self._raised else file.tell()

        functions = {"get_filelen": length, "seek": seek, "read": read, "tell": tell}
        # They must live as long as the file does.
        self._virtual_io = {
            name: ffi.callback(f"sf_vio_{name}", function, _FAILED[name], self._keep)
            for name, function in functions.items()
        }
        return ffi.new("SF_VIRTUAL_IO*", self._virtual_io)

    def _keep(self, _: object, error: BaseException, __: object) -> None:
        self._raised = self._raised or error
