"""A local stand-in for the Hugging Face hub, with the part of its protocol that a push needs.

Small files arrive inside a commit, the others through LFS with checked digests. A Space or a model
is a dict from path to content.
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
    """Holds the Spaces and models, and each request as `METHOD path`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spaces: dict[str, dict[str, bytes]] = {}
        self.models: dict[str, dict[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.lfs_files: set[str] = set()
        self.requests: list[str] = []
        self.status: int | None = None  # if set, the status of every answer
        self.uses_lfs = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, space: dict[str, bytes], lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            match line["key"]:
                case "file":
                    space[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    space[value["path"]] = self.blobs[value["oid"]]
                    self.lfs_files.add(value["path"])
                case "deletedFile":
                    del space[value["path"]]
                case key:
                    assert key == "header", line


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(f"{self.command} {path}")
        if path.startswith("/blobs/"):
            digest = path.removeprefix("/blobs/")
            assert hashlib.sha256(body).hexdigest() == digest
            self.server.blobs[digest] = body
            self._send({})
        elif self.server.status:
            self._send({"error": "set by the test"}, self.server.status)
        elif self.command == "POST" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send({"error": "Invalid username or password."}, 401)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._send({"errors": [], "warnings": []})
        elif path.endswith(".git/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            for blob in objects:
                blob["actions"] = {"upload": {"href": f"{self.server.url}/blobs/{blob['oid']}"}}
            self._send({"transfer": "basic", "objects": objects})
        elif path.startswith(("/api/spaces/", "/api/models/")):
            kind, user, name, *action = path.removeprefix("/api/").split("/")
            repositories = self.server.spaces if kind == "spaces" else self.server.models
            self._answer_for(repositories, f"{user}/{name}", action[:1], body)
        else:
            self._send({"error": "unknown address"}, 404)

    do_POST = do_PUT = do_GET

    def _create(self, request: dict[str, str]) -> None:
        name = f"{request['organization']}/{request['name']}"
        assert request.get("sdk") == ("gradio" if request["type"] == "space" else None)
        spaces = request["type"] == "space"
        repositories = self.server.spaces if spaces else self.server.models
        status = 409 if name in repositories else 200
        repositories.setdefault(name, {".gitattributes": b"", "README.md": b"---\n---\n"})
        self._send({"url": f"http://{self.headers['Host']}/spaces/{name}"}, status)

    def _answer_for(
        self, repositories: dict[str, dict[str, bytes]], name: str, action: list[str], body: bytes
    ) -> None:
        space = repositories.get(name)
        if space is None:
            self._send({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif not action:
            files = [{"rfilename": path} for path in space]
            self._send({"id": name, "siblings": files, "tags": [], "likes": 0, "private": False})
        elif action == ["tree"]:
            self._send(
                [
                    {"type": "file", "path": path, "size": len(content), "oid": "0" * 40}
                    for path, content in space.items()
                ]
            )
        elif action == ["preupload"]:
            self._send({"files": [self._mode(file["path"]) for file in json.loads(body)["files"]]})
        elif action == ["commit"]:
            self.server.commit(space, [json.loads(line) for line in body.splitlines()])
            address = f"http://{self.headers['Host']}/spaces/{name}/commit/{'1' * 40}"
            self._send({"commitUrl": address, "commitOid": "1" * 40})
        else:
            self._send({"error": "unknown address"}, 404)

    def _mode(self, path: str) -> dict[str, Any]:
        lfs = self.server.uses_lfs and any(fnmatch(path, pattern) for pattern in LFS)
        return {"path": path, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}

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
    """Runs a hub during the block."""
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
