"""A server in a thread, and requests without a socket."""

import asyncio
import functools
import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from support.data import ROOT

SAMPLES = ROOT / "models/commands/samples"


class Server:
    """A running server: its address, and its service."""

    def __init__(self, url, service):
        self.url, self.service = url, service


@contextmanager
def running(packages=("commands",), keys="", loading=None, options=None, **settings):
    """Run a server in a thread; ``loading`` are settings of ``voxport.load``."""
    import uvicorn

    from voxport.serving import run
    from voxport.serving.api_keys import read_keys
    from voxport.serving.http_protocol import TimedProtocol
    from voxport.serving.settings import Settings

    given = {"workers": 1, "threads": 1} | (options or {})
    options = run.ServerOptions(port=0, settings=Settings(**settings), **given)
    served = [run.ServedPackage(str(name).rpartition("/")[2], str(name)) for name in packages]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "load", functools.partial(run.load, **(loading or {})))
        service, application = run.build(served, options, read_keys(None, keys), lambda _: None)
    listener = run._listen("127.0.0.1", 0)
    protocol = type(
        "Protocol", (TimedProtocol,), {"header_seconds": options.settings.header_seconds}
    )
    config = uvicorn.Config(
        application, http=protocol, ws="auto", lifespan="on", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started or service.problem:
        threading.Event().wait(0.01)
    try:
        yield Server(f"http://127.0.0.1:{listener.getsockname()[1]}", service)
    finally:
        server.should_exit = True
        thread.join(20)


def post(url, body=b"", headers=None, method="POST"):
    """Return status, headers and the object of a plain request."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def form(**fields):
    """Return the body and header of a multipart form; bytes are files."""
    parts = []
    for name, value in fields.items():
        name = name.replace("__", "[]")
        extra = '; filename="a.flac"' if isinstance(value, bytes) else ""
        content = value if isinstance(value, bytes) else str(value).encode()
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


class Answer:
    """Status, headers and body of a request without a socket."""

    def __init__(self):
        self.status, self.headers, self.body = None, {}, b""

    @property
    def error(self):
        return json.loads(self.body)["error"]


async def ask(application, path, body=b"", headers=(), method="GET", chunks=None, after=None):
    """Send one request to an ASGI application; ``chunks`` are parts of the body with pauses."""
    answer, parts = Answer(), list(chunks if chunks is not None else [(0, body)])
    total = len(parts)

    async def receive():
        if parts:
            wait, content = parts.pop(0)
            await asyncio.sleep(wait)
            return {"type": "http.request", "body": content, "more_body": bool(parts)}
        assert total
        if after is not None:
            await after()
            return {"type": "http.disconnect"}
        await asyncio.sleep(3600)
        return None

    async def send(message):
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    given = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "scheme": "http", "headers": given, "client": ("127.0.0.1", 1), "server": ("x", 80),
    }  # fmt: skip
    await application(scope, receive, send)
    return answer
