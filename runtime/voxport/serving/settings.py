"""Limits of a service, with their defaults. Knows nothing of what they protect."""

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Settings:
    """Limits of one service; every one is an option of ``voxport serve``."""

    upload_bytes: int = 200 * MEGABYTE  # of a request's body
    audio_seconds: float = 4 * 3600.0  # of one recording
    answer_seconds: float = 3600.0  # from a request's arrival to its answer
    header_seconds: float = 10.0  # until a request's header has come
    idle_seconds: float = 20.0  # between two parts of its body
    body_seconds: float = 30.0  # of a body, and more by its size:
    body_bytes_per_second: float = 20_000.0  # the slowest upload that is waited for
    queue_seconds: float = 600.0  # of audio that may wait
    requests: int = 128  # that are read or worked on at a time; each may fill `upload_bytes`
    connections: int = 1000
    stop_seconds: float = 300.0  # for the answers to what was accepted, once told to stop
