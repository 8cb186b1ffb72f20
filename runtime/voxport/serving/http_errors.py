"""Errors as statuses and objects of OpenAI's API. Knows no framework."""

import math
from dataclasses import dataclass, field
from typing import Any

from voxport.errors import (
    AlignmentError,
    AudioError,
    InputError,
    MissingDependencyError,
    VoxportError,
)
from voxport.serving.request import TooLongError
from voxport.serving.scheduler import DeadlineError, GoneError, OverloadedError, StoppedError

_INVALID, _SERVER, _LIMIT = "invalid_request_error", "server_error", "rate_limit_error"
_CLIENT_GONE = 499  # nobody reads it; the log does


@dataclass
class HttpError(Exception):
    """Answer to a request that is refused."""

    status: int
    message: str
    type: str = _INVALID
    param: str | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def body(self) -> dict[str, Any]:
        """The object of OpenAI's API."""
        names = ("message", "type", "param", "code")
        return {"error": {name: getattr(self, name) for name in names}}


def too_large(limit_bytes: int) -> HttpError:
    """Return the refusal of a request with too many bytes."""
    message = f"the request has more than {limit_bytes} bytes, the most accepted"
    return HttpError(413, message, code="request_too_large", headers={"Connection": "close"})


def too_slow(seconds: float) -> HttpError:
    """Return the refusal of a request whose body did not come."""
    message = f"the request's body did not come within {seconds:g} s"
    return HttpError(408, message, code="request_timeout", headers={"Connection": "close"})


def unauthorized() -> HttpError:
    """Return the refusal of a request without a valid key."""
    message = "no valid API key was given: expected the header Authorization: Bearer KEY"
    headers = {"WWW-Authenticate": "Bearer"}
    return HttpError(401, message, code="invalid_api_key", headers=headers)


def too_many_requests(seconds: float) -> HttpError:
    """Return the refusal of a key's request beyond its rate."""
    wait = max(1, math.ceil(seconds))
    message = f"this key's rate is exceeded; try again in {wait} s"
    headers = {"Retry-After": str(wait)}
    return HttpError(429, message, _LIMIT, code="rate_limit_exceeded", headers=headers)


def invalid(message: str, param: str | None = None) -> HttpError:
    """Return the refusal of a request whose fields make no sense."""
    return HttpError(400, message, param=param, code="invalid_value" if param else None)


def to_http(error: BaseException) -> HttpError:
    """Return the answer to a request that raised an error; of a defect it tells nothing."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, OverloadedError):
        headers = {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
        return HttpError(429, error.reason, _LIMIT, code="server_overloaded", headers=headers)
    if isinstance(error, StoppedError):
        headers = {"Retry-After": "5", "Connection": "close"}
        return HttpError(503, error.reason, _SERVER, code="stopping", headers=headers)
    if isinstance(error, DeadlineError):
        return HttpError(504, f"the recording {error.reason}", _SERVER, code="timeout")
    if isinstance(error, GoneError):
        return HttpError(_CLIENT_GONE, error.reason, code="cancelled")
    if isinstance(error, TooLongError):
        return HttpError(413, f"the recording {error.reason}", param="file", code="audio_too_long")
    if isinstance(error, MissingDependencyError):
        return HttpError(400, error.reason, param="file", code="unsupported_format")
    if isinstance(error, AlignmentError):
        return HttpError(400, error.reason, param="text", code="invalid_text")
    if isinstance(error, AudioError):
        return HttpError(400, error.reason, param="file", code="invalid_audio")
    if isinstance(error, InputError):
        return HttpError(400, error.reason)
    if isinstance(error, VoxportError):
        return HttpError(500, "the model failed on this recording", _SERVER, code="model_failed")
    return HttpError(500, "an error of the server; its log has the reason", _SERVER)
