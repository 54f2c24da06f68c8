"""A hub on the loopback interface: as much of its protocol as pushing a Space needs.

Files arrive as they would there: small ones inside a commit, the others through LFS, whose digests
are checked. A Space is a dict from path to content.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_test"
LFS = ("*.safetensors", "*.png")


class Hub(ThreadingHTTPServer):
    """What the hub holds, and every request it got, as `METHOD path`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.spaces: dict[str, dict[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.by_lfs: set[str] = set()
        self.requests: list[str] = []
        self.status: int | None = None  # answered to everything, if set
        self.uses_lfs = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        space = self.spaces[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                space[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                space[value["path"]] = self.blobs[value["oid"]]
                self.by_lfs.add(value["path"])
            elif line["key"] == "deletedFile":
                del space[value["path"]]
            else:
                assert line["key"] == "header", line


class Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._route("GET")

    def do_POST(self) -> None:
        self._route("POST")

    def do_PUT(self) -> None:
        self._route("PUT")

    def _route(self, method: str) -> None:
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(f"{method} {path}")
        if path.startswith("/blobs/"):
            oid = path.removeprefix("/blobs/")
            assert hashlib.sha256(body).hexdigest() == oid
            self.server.blobs[oid] = body
            self._send({})
        elif self.server.status:
            self._send({"error": "as asked for"}, self.server.status)
        elif method == "POST" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send({"error": "Invalid username or password."}, 401)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._send({"errors": [], "warnings": []})
        elif path.endswith(".git/info/lfs/objects/batch"):
            objects = [self._blob(wanted) for wanted in json.loads(body)["objects"]]
            self._send({"transfer": "basic", "objects": objects})
        elif path.startswith("/api/spaces/"):
            self._space(path.removeprefix("/api/spaces/"), body)
        else:
            self._send({"error": "no such address"}, 404)

    def _create(self, wanted: dict[str, str]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        assert (wanted["type"], wanted["sdk"]) == ("space", "gradio")
        known = name in self.server.spaces
        self.server.spaces.setdefault(name, {".gitattributes": b"", "README.md": b"---\n---\n"})
        self._send({"url": f"{self.server.url}/spaces/{name}"}, 409 if known else 200)

    def _blob(self, wanted: dict[str, Any]) -> dict[str, Any]:
        target = {"href": f"{self.server.url}/blobs/{wanted['oid']}"}
        return {**wanted, "actions": {"upload": target}}

    def _space(self, rest: str, body: bytes) -> None:
        name, action = "/".join(rest.split("/")[:2]), rest.split("/")[2:]
        space = self.server.spaces.get(name)
        if space is None:
            self._send({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif not action:
            files = [{"rfilename": path} for path in space]
            self._send({"id": name, "siblings": files, "tags": [], "likes": 0, "private": False})
        elif action[:1] == ["tree"]:
            self._send(
                [
                    {"type": "file", "path": path, "size": len(content), "oid": "0" * 40}
                    for path, content in space.items()
                ]
            )
        elif action[:1] == ["preupload"]:
            self._send({"files": [self._mode(file["path"]) for file in json.loads(body)["files"]]})
        elif action[:1] == ["commit"]:
            self.server.commit(name, [json.loads(line) for line in body.splitlines()])
            address = f"{self.server.url}/spaces/{name}/commit/{'1' * 40}"
            self._send({"commitUrl": address, "commitOid": "1" * 40})
        else:
            self._send({"error": "no such address"}, 404)

    def _mode(self, path: str) -> dict[str, Any]:
        large = self.server.uses_lfs and any(fnmatch(path, pattern) for pattern in LFS)
        return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}

    def _send(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for key, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(key, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def hub() -> Iterator[Hub]:
    """A hub that runs as long as the block."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
