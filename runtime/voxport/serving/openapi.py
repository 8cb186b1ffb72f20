"""Description of the service's routes: OpenAPI 3.1, and the same as a page without other files.

Knows names and shapes; serves nothing.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from voxport import __version__
from voxport.package.manifest import CLASSIFICATION, TRANSCRIPTION
from voxport.serving.answers import GRANULARITIES, INCLUDES, RESPONSE_FORMATS
from voxport.serving.form import FLAGS
from voxport.tasks.classifier import TOP_K

_NUMBER, _STRING, _INTEGER = {"type": "number"}, {"type": "string"}, {"type": "integer"}
_FILE = {"type": "string", "format": "binary", "description": "An audio or video file."}
_ERRORS = {
    "400": "A field makes no sense, the model has another task, or the file is no audio.",
    "401": "No valid API key was given.",
    "404": "There is no such model.",
    "408": "The body did not come in time.",
    "413": "The body or the recording is too large.",
    "429": "Too much waits, or the key's rate is exceeded: see Retry-After.",
    "500": "The model failed on the recording.",
    "503": "The service is stopping.",
    "504": "There was no answer within the time limit.",
}


def document(tasks: Mapping[str, str]) -> dict[str, Any]:
    """Return the OpenAPI document of a service: the routes that its models serve.

    ``tasks`` are those of its models, by name.
    """
    paths: dict[str, Any] = {}
    if TRANSCRIPTION in tasks.values():
        paths["/v1/audio/transcriptions"] = {"post": _transcriptions()}
        paths["/v1/audio/alignments"] = {"post": _alignments()}
    if CLASSIFICATION in tasks.values():
        paths["/v1/audio/classifications"] = {"post": _classifications()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "voxport",
            "version": __version__,
            "description": "Speech recognition in the shapes of OpenAI's API.",
        },
        "paths": {
            **paths,
            "/v1/models": {"get": _get("List the models", _list_of("Model"), keyed=True)},
            "/v1/models/{model}": {"get": _model(list(tasks))},
            "/health": {"get": _get("Say that the process answers", _ref("Status"))},
            "/ready": {"get": _ready()},
            "/metrics": {"get": _get("Give figures for Prometheus", None)},
        },
        "components": {"schemas": _schemas(tasks), "securitySchemes": _SECURITY},
    }


def page(description: dict[str, Any]) -> str:
    """Return a page of the document, whole in itself."""
    info = description["info"]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>",
        f"<style>{_STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['description'])} The same for machines: "
        "<a href=openapi.json>openapi.json</a>.",
    ]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation, description["components"]["schemas"])
    return "".join(parts)


_STYLE = (
    "body{font:16px/1.5 system-ui;max-width:50em;margin:2em auto;padding:0 1em;"
    "color-scheme:light dark}code{font-size:.9em}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #8884;padding:.3em .6em;text-align:left;vertical-align:top}"
)
_SECURITY = {"key": {"type": "http", "scheme": "bearer"}}


def _operation(
    path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]
) -> list[str]:
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}"
    ]
    content = operation.get("requestBody", {}).get("content", {})
    for body in content.values():
        schema = schemas[body["schema"]["$ref"].rpartition("/")[2]]
        rows = [
            f"<tr><td><code>{escape(name)}</code><td>{_kind(field)}"
            f"<td>{'required' if name in schema['required'] else ''}"
            f"<td>{escape(field.get('description', ''))}"
            for name, field in schema["properties"].items()
        ]
        parts.append(f"<table><tr><th>field<th>type<th><th>{''.join(rows)}</table>")
    rows = [
        f"<tr><td>{escape(status)}<td>{escape(answer['description'])}"
        for status, answer in operation["responses"].items()
    ]
    return [*parts, f"<table><tr><th>status<th>{''.join(rows)}</table>"]


def _kind(field: dict[str, Any]) -> str:
    inner = field.get("items", field)
    name = " | ".join(inner["enum"]) if "enum" in inner else inner["type"]
    return escape(f"{name}, several" if "items" in field else name)


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> dict[str, Any]:
    properties = {"object": _STRING, "data": {"type": "array", "items": _ref(name)}}
    return {"type": "object", "properties": properties, "required": ["object", "data"]}


def _get(summary: str, schema: dict[str, Any] | None, *, keyed: bool = False) -> dict[str, Any]:
    kind = "application/json" if schema else "text/plain"
    content: dict[str, Any] = {kind: {"schema": schema} if schema else {}}
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": content}}
    if not keyed:
        return {"summary": summary, "responses": responses}
    return {
        "summary": summary,
        "responses": {**responses, **_refusals("401", "429")},
        "security": [{}, {"key": []}],
    }


def _refusals(*statuses: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref("Error")}}
    return {
        status: {"description": text, "content": content}
        for status, text in _ERRORS.items()
        if not statuses or status in statuses
    }


def _post(summary: str, description: str, form: str, content: dict[str, Any]) -> dict[str, Any]:
    body = {"multipart/form-data": {"schema": _ref(form)}}
    return {
        "summary": summary,
        "description": description,
        "requestBody": {"required": True, "content": body},
        "responses": {"200": {"description": "The answer.", "content": content}, **_refusals()},
        "security": [{}, {"key": []}],
    }


def _transcriptions() -> dict[str, Any]:
    kinds = {"anyOf": [_ref("Transcription"), _ref("VerboseTranscription")]}
    return _post(
        "Transcribe a recording",
        "As OpenAI's API has it. Fields without a meaning here (language, prompt, temperature, "
        "chunking_strategy) are named in the header X-Voxport-Ignored.",
        "TranscriptionForm",
        {"application/json": {"schema": kinds}, "text/plain": {}, "text/event-stream": {}},
    )


def _alignments() -> dict[str, Any]:
    return _post(
        "Find the times of a known text's words",
        "The word * stands for anything that the text leaves out.",
        "AlignmentForm",
        {"application/json": {"schema": _ref("Alignment")}},
    )


def _classifications() -> dict[str, Any]:
    return _post(
        "Find the labels of a recording",
        "For models that classify: a language, a keyword, an emotion.",
        "ClassificationForm",
        {"application/json": {"schema": _ref("Classification")}},
    )


def _name(names: Sequence[str]) -> dict[str, Any]:
    """Return the schema of a served model's name; without any, a name that leads to a 404."""
    field: dict[str, Any] = {"type": "string", "minLength": 1, "description": "One of /v1/models."}
    return field | ({"enum": list(names), "examples": list(names)} if names else {})


def _model(names: Sequence[str]) -> dict[str, Any]:
    operation = _get("Describe one model", _ref("Model"), keyed=True)
    operation["responses"] |= _refusals("404")
    parameter = {"name": "model", "in": "path", "required": True, "schema": _name(names)}
    return {**operation, "parameters": [parameter]}


def _ready() -> dict[str, Any]:
    operation = _get("Say whether requests should be sent here", _ref("Status"))
    content = {"application/json": {"schema": _ref("Status")}}
    operation["responses"]["503"] = {"description": "Not now.", "content": content}
    return operation


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _schemas(tasks: Mapping[str, str]) -> dict[str, Any]:
    transcribing = _name([name for name, task in tasks.items() if task == TRANSCRIPTION])
    classifying = _name([name for name, task in tasks.items() if task == CLASSIFICATION])
    usage = _object("type", "seconds", type=_STRING, seconds=_INTEGER)
    word = _object("word", "start", "end", word=_STRING, start=_NUMBER, end=_NUMBER)
    detail = {name: {"type": ["string", "null"]} for name in ("param", "code")}
    form = _object(
        "file",
        "model",
        file=_FILE,
        model=transcribing,
        response_format={"type": "string", "enum": list(RESPONSE_FORMATS)},
        stream={
            "type": "string",  # as all fields of a form
            "enum": list(FLAGS),
            "description": "Text as it becomes final, as events.",
        },
    )
    form["properties"] |= {
        "timestamp_granularities[]": _array({"type": "string", "enum": list(GRANULARITIES)}),
        "include[]": _array({"type": "string", "enum": list(INCLUDES)}),
    }
    return {
        "TranscriptionForm": form,
        "AlignmentForm": _object(
            "file", "model", "text", file=_FILE, model=transcribing, text=_STRING | {"minLength": 1}
        ),
        "ClassificationForm": _object(
            "file",
            "model",
            file=_FILE,
            model=classifying,
            top_k=_INTEGER | {"minimum": 1, "maximum": 999_999_999, "default": TOP_K},
        ),
        "Transcription": _object(
            "text", text=_STRING, logprobs=_array({"type": "object"}), usage=usage
        ),
        "VerboseTranscription": _object(
            "text",
            "duration",
            "language",
            task=_STRING,
            text=_STRING,
            duration=_NUMBER,
            language=_STRING,
            words=_array(word),
            segments=_array({"type": "object"}),
            usage=usage,
        ),
        "Alignment": _object(
            "text", "words", text=_STRING, duration=_NUMBER, words=_array(word), usage=usage
        ),
        "Classification": _object(
            "label",
            "scores",
            label=_STRING,
            scores=_array(_object("label", "score", label=_STRING, score=_NUMBER)),
            duration=_NUMBER,
            usage=usage,
        ),
        "Model": _object(
            "id", "object", id=_STRING, object=_STRING, created=_INTEGER, task=_STRING
        ),
        "Status": _object("status", status=_STRING, reason=_STRING),
        "Error": _object(
            "error", error=_object("message", "type", message=_STRING, type=_STRING, **detail)
        ),
    }
