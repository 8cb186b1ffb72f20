"""A Hugging Face Hub in a thread: as much of its HTTP API as the official client uses for models.

Repositories live in memory: commits of path to content, branches, tags. Files over a limit go
through the LFS batch API, and their downloads through a redirect to another path, with Range.
Faults can be switched on: a broken connection in the middle of a file, other bytes, a refusal.
"""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_local_token"
LFS_BYTES = 100_000  # larger files are stored as LFS objects


def git_oid(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Repository:
    commits: dict = field(default_factory=dict)  # commit to {path: content}
    messages: dict = field(default_factory=dict)
    branches: dict = field(default_factory=dict)  # branch or tag to commit
    is_private: bool = False
    is_gated: bool = False

    def commit(self, files, branch="main", message=""):
        listed = sorted((path, git_oid(content)) for path, content in files.items())
        known = (listed, branch, len(self.commits))
        commit = hashlib.sha1(repr(known).encode()).hexdigest()
        self.commits[commit] = dict(files)
        self.messages[commit] = message
        self.branches[branch] = commit
        return commit

    def resolve(self, revision):
        revision = self.branches.get(revision, revision)
        return revision if revision in self.commits else None


class HubServer:
    """The state of the server, and a log of the requests."""

    def __init__(self):
        self.repositories, self.objects, self.requests = {}, {}, []
        self.break_after = {}  # path: bytes of its next download before the connection is cut
        self.tampered = {}  # path: content sent in place of the stored one
        self.url = ""
        self.files_url = ""  # of another host, as the real Hub's: the client sends no token there

    def downloads(self):
        """Files whose content was asked for, in order."""
        return [path for method, path, _ in self.requests if method == "GET" and "/cdn/" in path]

    def fetched(self):
        """Names of the files that were downloaded, each once."""
        found = [
            re.search(r"/resolve/[^/]+/(.+)", path) for m, path, _ in self.requests if m == "GET"
        ]
        return sorted({match[1] for match in found if match})

    def ranges(self):
        return [headers["Range"] for _, _, headers in self.requests if headers.get("Range")]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def hub(self):
        return self.server.hub

    def do_HEAD(self):
        self.route()

    def do_GET(self):
        self.route()

    def do_POST(self):
        self.route()

    def do_PUT(self):
        self.route()

    def do_DELETE(self):
        self.route()

    def route(self):
        parts = urlsplit(self.path)
        path = parts.path
        self.query = parse_qs(parts.query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.body = self._read_chunks()
        self.hub.requests.append((self.command, path, dict(self.headers)))
        for method, pattern, action in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in method:
                return action(self, *(unquote(one or "") for one in match.groups()))
        return self.refuse(404, "", f"no such route: {self.command} {path}")

    def _read_chunks(self):
        content = b""
        while size := int(self.rfile.readline().strip(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    # answers

    def send(self, status, content=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def answer(self, value, status=200, **headers):
        self.send(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def refuse(self, status, code, message):
        headers = {"X_Error_Code": code} if code else {}
        self.answer({"error": message}, status, X_Error_Message=message, **headers)

    # access

    @property
    def is_known(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def find(self, name, revision=None):
        """The repository and the commit, or None after a refusal."""
        found = self.hub.repositories.get(name)
        if found is None or (found.is_private and not self.is_known):
            self.refuse(401 if not self.is_known else 404, "RepoNotFound", "Repository not found")
            return None
        commit = found.resolve(revision or "main")
        if commit is None and revision is not None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return found, commit

    def may_write(self):
        if not self.is_known:
            self.refuse(401, "", "Invalid username or password.")
        return self.is_known

    # reading

    def model_info(self, name, revision=None):
        if found := self.find(name, revision):
            self.answer(describe(name, *found))

    def list_models(self):
        author = self.query.get("author", [""])[0]
        self.answer(
            [
                describe(name, one, one.resolve("main"))
                for name, one in self.hub.repositories.items()
                if name.startswith(author) and (not one.is_private or self.is_known)
            ]
        )

    def tree(self, name, revision, _=""):
        if found := self.find(name, revision):
            repository, commit = found
            files = repository.commits.get(commit, {})
            self.answer([describe_file(path, content) for path, content in sorted(files.items())])

    def resolve(self, name, revision, path):
        found = self.find(name, revision)
        if not found:
            return
        repository, commit = found
        if repository.is_gated and not self.is_known:
            self.refuse(403, "GatedRepo", f"Access to model {name} is restricted.")
            return
        content = repository.commits.get(commit, {}).get(path)
        if content is None:
            self.send(
                404,
                X_Error_Code="EntryNotFound",
                X_Error_Message="Entry not found",
                X_Repo_Commit=commit or "",
            )
            return
        headers = {"X_Repo_Commit": commit, "Accept_Ranges": "bytes"}
        if is_large(content):
            digest = hashlib.sha256(content).hexdigest()
            self.hub.objects.setdefault(digest, content)
            self.send(
                302,
                Location=f"{self.hub.files_url}/cdn/{digest}/{path}",
                X_Linked_Size=str(len(content)),
                X_Linked_ETag=f'"{digest}"',
                ETag='"of-the-redirect"',
                **headers,
            )
            return
        self.content(path, content, ETag=f'"{git_oid(content)}"', **headers)

    def cdn(self, digest, path):
        self.content(path, self.hub.objects[digest], ETag=f'"{digest}"', Accept_Ranges="bytes")

    def content(self, path, content, **headers):
        content = self.hub.tampered.get(path, content)
        start, status = 0, 200
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            start, status = int(match[1]), 206
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        rest = content[start:]
        cut = self.hub.break_after.get(path) if self.command == "GET" else None
        if cut is None:
            self.send(status, rest, **headers)
            return
        del self.hub.break_after[path]
        self.send(status, rest[:cut], Content_Length=str(len(rest)), **headers)
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    # writing

    def create(self):
        if not self.may_write():
            return
        wanted = json.loads(self.body)
        owner = wanted.get("organization") or "somebody"
        name = f"{owner}/{wanted['name']}"
        url = f"{self.hub.url}/{name}"
        if owner == "others":
            self.refuse(403, "", "You don't have the rights to create a model there")
        elif name in self.hub.repositories:
            self.answer({"error": "You already created this model repo", "url": url}, 409)
        else:
            is_private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
            made = self.hub.repositories[name] = Repository(is_private=is_private)
            made.commit({".gitattributes": b"*.onnx filter=lfs\n"})
            self.answer({"url": url, "name": name, "id": name})

    def branch(self, name, branch):
        if self.may_write() and (found := self.find(name)):
            repository, commit = found
            if branch in repository.branches:
                self.refuse(409, "", "Reference already exists")
                return
            repository.branches[branch] = commit
            self.answer({})

    def preupload(self, name, revision):
        if not self.may_write() or not self.find(name, revision):
            return
        files = json.loads(self.body)["files"]
        self.answer(
            {
                "files": [
                    {
                        "path": one["path"],
                        "uploadMode": "lfs" if one["size"] > LFS_BYTES else "regular",
                        "shouldIgnore": False,
                    }
                    for one in files
                ]
            }
        )

    def lfs_batch(self, name):
        if not self.may_write():
            return
        objects = []
        for one in json.loads(self.body)["objects"]:
            entry = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.hub.objects:
                href = f"{self.hub.url}/lfs/{one['oid']}"
                verify = f"{self.hub.url}/{name}/lfs/verify"
                entry["actions"] = {"upload": {"href": href}, "verify": {"href": verify}}
            objects.append(entry)
        self.answer({"transfer": "basic", "objects": objects})

    def lfs_put(self, digest):
        if hashlib.sha256(self.body).hexdigest() != digest:
            self.refuse(400, "", "other bytes than their hash")
            return
        self.hub.objects[digest] = self.body
        self.send(200)

    def lfs_verify(self, name):
        wanted = json.loads(self.body)
        is_there = len(self.hub.objects.get(wanted["oid"], b"")) == wanted["size"]
        self.send(200 if is_there else 404)

    def commit(self, name, revision):
        if not self.may_write() or not (found := self.find(name, revision)):
            return
        repository, parent = found
        files, message = dict(repository.commits.get(parent, {})), ""
        for line in self.body.splitlines():
            entry = json.loads(line)
            key, value = entry["key"], entry["value"]
            if key == "header":
                message = value["summary"]
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif key == "deletedFile":
                files.pop(value["path"])
        commit = repository.commit(files, revision, message)
        url = f"{self.hub.url}/{name}/commit/{commit}"
        self.answer({"commitUrl": url, "commitOid": commit, "success": True})

    def validate_yaml(self):
        self.answer({"errors": [], "warnings": []})


NAME = r"([^/]+/[^/]+)"
ROUTES = [
    (("GET",), rf"/api/models/{NAME}", Handler.model_info),
    (("GET",), rf"/api/models/{NAME}/revision/([^/]+)", Handler.model_info),
    (("GET",), r"/api/models", Handler.list_models),
    (("GET",), rf"/api/models/{NAME}/tree/([^/]+)(?:/(.*))?", Handler.tree),
    (("GET", "HEAD"), rf"/{NAME}/resolve/([^/]+)/(.+)", Handler.resolve),
    (("GET", "HEAD"), r"/cdn/([0-9a-f]{64})/(.+)", Handler.cdn),
    (("POST",), r"/api/repos/create", Handler.create),
    (("POST",), rf"/api/models/{NAME}/branch/(.+)", Handler.branch),
    (("POST",), rf"/api/models/{NAME}/preupload/(.+)", Handler.preupload),
    (("POST",), rf"/{NAME}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    (("PUT",), r"/lfs/([0-9a-f]{64})", Handler.lfs_put),
    (("POST",), rf"/{NAME}/lfs/verify", Handler.lfs_verify),
    (("POST",), rf"/api/models/{NAME}/commit/(.+)", Handler.commit),
    (("POST",), r"/api/validate-yaml", Handler.validate_yaml),
]


def is_large(content):
    return len(content) > LFS_BYTES


def describe(name, repository, commit):
    files = repository.commits.get(commit, {})
    return {
        "_id": name,
        "id": name,
        "modelId": name,
        "sha": commit,
        "private": repository.is_private,
        "gated": "manual" if repository.is_gated else False,
        "tags": [],
        "siblings": [{"rfilename": path} for path in sorted(files)],
    }


def describe_file(path, content):
    entry = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
    if is_large(content):
        digest = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
    return entry


@contextmanager
def running():
    """Run the server in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.hub = hub = HubServer()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    hub.files_url = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
