"""The C interface of runtime/cpp through ctypes, as a program in another language calls it."""

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_float, c_int32, c_size_t, c_void_p
from pathlib import Path
from typing import Any

from voxport.transcript.formats import round_number


class CallError(Exception):
    """A status other than OK, with the library's message."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind  # the name of the status
        super().__init__(reason)


class Options(ctypes.Structure):
    """``voxport_options``."""

    _fields_ = [
        ("size", c_size_t),
        ("artifact", c_char_p),
        ("precision", c_char_p),
        ("threads", c_int32),
        ("keep_emission", c_int32),
        ("whole_seconds", c_double),
        ("window_seconds", c_double),
    ]


class _Span(ctypes.Structure):
    _fields_ = [
        ("text", c_char_p),
        ("start", c_double),
        ("end", c_double),
        ("score", c_double),
    ]


class Library:
    """The loaded library."""

    def __init__(self, path: Path) -> None:
        self.calls = ctypes.CDLL(str(path))
        results = {
            "voxport_status_name": c_char_p,
            "voxport_last_error": c_char_p,
            "voxport_close": None,
            "voxport_transcript_free": None,
            "voxport_transcript_text": c_char_p,
            "voxport_transcript_duration": c_double,
            "voxport_word_count": c_size_t,
            "voxport_word": _Span,
            "voxport_token_count": c_size_t,
            "voxport_token": _Span,
            "voxport_emission": POINTER(c_float),
        }
        for name, kind in results.items():
            getattr(self.calls, name).restype = kind

    def open(self, package: Path, **options: Any) -> "Recognizer":
        """Open a package."""
        chosen = Options()
        self.calls.voxport_options_init(ctypes.byref(chosen))
        for name, value in options.items():
            setattr(chosen, name, value)
        handle = c_void_p()
        path = str(package).encode()
        self.check(self.calls.voxport_open(path, ctypes.byref(chosen), ctypes.byref(handle)))
        return Recognizer(self, handle)

    def status_of_open(self, package: Path, options: Options) -> int:
        """Return the status of an opening that fails."""
        handle = c_void_p()
        path = str(package).encode()
        return self.calls.voxport_open(path, ctypes.byref(options), ctypes.byref(handle))

    def check(self, status: int) -> None:
        """Raise CallError of a status other than OK."""
        if status:
            name, reason = self.calls.voxport_status_name(status), self.calls.voxport_last_error()
            raise CallError(name.decode(), reason.decode())


class Recognizer:
    """An open package; a context manager."""

    def __init__(self, library: Library, handle: c_void_p) -> None:
        self._library, self._handle = library, handle

    def __enter__(self) -> "Recognizer":
        return self

    def __exit__(self, *_: object) -> None:
        self._library.calls.voxport_close(self._handle)

    def transcribe_file(self, file: object) -> dict[str, Any]:
        """Return the answer for a file, its parts as [text, start, end, score]."""
        return self._call("file", str(file).encode())

    def transcribe_bytes(self, content: bytes) -> dict[str, Any]:
        """Return the answer for the bytes of a file."""
        return self._call("bytes", content, c_size_t(len(content)))

    def transcribe_samples(self, samples: Any, rate: int) -> dict[str, Any]:
        """Return the answer for an array of float32."""
        pointer = samples.ctypes.data_as(POINTER(c_float))
        return self._call("samples", pointer, c_size_t(len(samples)), c_int32(rate))

    def _call(self, kind: str, *arguments: object) -> dict[str, Any]:
        calls = self._library.calls
        transcript = c_void_p()
        function = getattr(calls, f"voxport_transcribe_{kind}")
        self._library.check(function(self._handle, *arguments, ctypes.byref(transcript)))
        try:
            frames, labels = c_size_t(), c_size_t()
            calls.voxport_emission(transcript, ctypes.byref(frames), ctypes.byref(labels))
            return {
                "text": calls.voxport_transcript_text(transcript).decode(),
                "duration": round_number(calls.voxport_transcript_duration(transcript)),
                "words": self._spans("word", transcript),
                "tokens": self._spans("token", transcript),
                "emission_shape": (frames.value, labels.value),
            }
        finally:
            calls.voxport_transcript_free(transcript)

    def _spans(self, kind: str, transcript: c_void_p) -> list[list[Any]]:
        calls = self._library.calls
        count, take = getattr(calls, f"voxport_{kind}_count"), getattr(calls, f"voxport_{kind}")
        spans = [take(transcript, c_size_t(i)) for i in range(count(transcript))]
        return [
            [span.text.decode(), *map(round_number, (span.start, span.end, span.score))]
            for span in spans
        ]
