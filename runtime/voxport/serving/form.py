"""Fields of a multipart request. The only module to read a form."""

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from voxport.serving import http_errors
from voxport.serving.answers import GRANULARITIES, INCLUDES, RESPONSE_FORMATS
from voxport.serving.http_errors import HttpError
from voxport.tasks.classifier import TOP_K

FLAGS = ("true", "false", "1", "0")  # in any case
_MAX_FIELDS = 64
_MAX_FIELD_BYTES = 1 << 20
_YES, _NO = ("true", "1"), ("false", "0")
# Fields of OpenAI's API without a meaning here: the model has one language and no prompt.
IGNORED = ("language", "prompt", "temperature", "chunking_strategy")


@dataclass(frozen=True)
class TranscriptionForm:
    """The fields of a request for a transcript."""

    file: BinaryIO
    model: str
    response_format: str = "json"
    granularities: tuple[str, ...] = ("segment",)
    is_stream: bool = False
    is_with_logprobs: bool = False
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlignmentForm:
    """The fields of a request for an alignment."""

    file: BinaryIO
    model: str
    text: str


@dataclass(frozen=True)
class ClassificationForm:
    """The fields of a request for labels."""

    file: BinaryIO
    model: str
    top_k: int


@asynccontextmanager
async def read_form(request: Request) -> AsyncGenerator[FormData, None]:
    """Read the body, its files onto the disk, where they are for the block."""
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise http_errors.invalid(f"expected multipart/form-data, got {kind[:100]!r}")
    form = await _parse(request)
    try:
        yield form
    finally:
        await form.close()


async def _parse(request: Request) -> FormData:
    parser = MultiPartParser(
        request.headers,
        _chunks(request),
        max_files=1,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except _EndedError as error:
        raise error.reason from None
    except MultiPartException as error:
        raise http_errors.invalid(f"the form cannot be read: {error.message}") from None
    _close_unfinished(parser, form)
    return form


def _close_unfinished(parser: MultiPartParser, form: FormData) -> None:
    """Close the files of parts that the body ended within: Starlette leaves them open."""
    kept = {id(item.file) for item in form.values() if isinstance(item, UploadFile)}
    opened: list[Any] = getattr(parser, "_files_to_close_on_error", [])
    for file in opened:
        if id(file) not in kept:
            file.close()


async def _chunks(request: Request) -> AsyncGenerator[bytes, None]:
    """Yield the body; an error is one of the parser's, at which it closes its files."""
    try:
        async for chunk in request.stream():
            yield chunk
    except (HttpError, ClientDisconnect) as error:
        raise _EndedError(error) from None


class _EndedError(MultiPartException):
    """End of the body before it is whole."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def parse_transcription(form: FormData) -> TranscriptionForm:
    """Check the fields of a request for a transcript."""
    form_of_answer = _text(form, "response_format", "json")
    if form_of_answer not in RESPONSE_FORMATS:
        raise http_errors.invalid(
            f"expected one of {', '.join(RESPONSE_FORMATS)}, got {form_of_answer[:100]!r}",
            "response_format",
        )
    stream = _text(form, "stream", "false").lower()
    if stream not in (*_YES, *_NO):
        raise http_errors.invalid(f"expected true or false, got {stream[:100]!r}", "stream")
    granularities = _choices(form, "timestamp_granularities", GRANULARITIES)
    return TranscriptionForm(
        _file(form),
        _text(form, "model"),
        form_of_answer,
        granularities or ("segment",),
        stream in _YES,
        bool(_choices(form, "include", INCLUDES)),
        tuple(name for name in IGNORED if form.get(name)),
    )


def parse_alignment(form: FormData) -> AlignmentForm:
    """Check the fields of a request for an alignment."""
    return AlignmentForm(_file(form), _text(form, "model"), _text(form, "text"))


def parse_classification(form: FormData) -> ClassificationForm:
    """Check the fields of a request for labels."""
    top_k = _text(form, "top_k", str(TOP_K))
    if not (top_k.isascii() and top_k.isdecimal() and int(top_k[:9]) >= 1 and len(top_k) < 10):
        message = f"expected a whole number of at least 1, got {top_k[:100]!r}"
        raise http_errors.invalid(message, "top_k")
    return ClassificationForm(_file(form), _text(form, "model"), int(top_k))


def _file(form: FormData) -> BinaryIO:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise http_errors.invalid("expected an audio file", "file")
    return file.file


def _text(form: FormData, name: str, default: str | None = None) -> str:
    value = form.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise http_errors.invalid("expected a text", name)
    return value


def _choices(form: FormData, name: str, known: Collection[str]) -> tuple[str, ...]:
    given: list[Any] = [*form.getlist(f"{name}[]"), *form.getlist(name)]
    for item in given:
        if item not in known:
            shown = f"{item[:100]!r}" if isinstance(item, str) else "a file"
            raise http_errors.invalid(f"expected one of {', '.join(known)}, got {shown}", name)
    return tuple(given)
