"""A web server on loopback that can misbehave on request, over http or https."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAUSES = (0.01, 0.02)  # seconds before each retry, in tests
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Web:
    """Serves `files`; each of `faults` answers one request instead, in order."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Answer] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    validators: dict[str, str] = field(default_factory=lambda: {"ETag": '"v1"'})
    stop: threading.Event = field(default_factory=threading.Event)

    def answer(
        self,
        handler: BaseHTTPRequestHandler,
        ranges: bool = True,
        end: int | None = None,
        stall: bool = False,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Sends a file, if asked with support for ranges, and cuts or stalls at the byte `end`."""
        content = self.files[handler.path]
        start, status = 0, 200
        requested = handler.headers.get("Range")
        current = handler.headers.get("If-Range") in self.validators.values()
        if ranges and requested and current:
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(content) else 416
        handler.send_response(status)
        if status == 416:
            handler.end_headers()
            return
        for name, value in [*self.validators.items(), *headers]:
            handler.send_header(name, value)
        if status == 206:
            place = f"bytes {start}-{len(content) - 1}/{len(content)}"
            handler.send_header("Content-Range", place)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start:end])
        handler.wfile.flush()
        if stall:
            self.silence(handler)

    def fault(self, **arguments: Any) -> Answer:
        return lambda handler: self.answer(handler, **arguments)

    def silence(self, _: BaseHTTPRequestHandler) -> None:
        self.stop.wait(30)

    def raw(self, content: bytes) -> Answer:
        """Sends these bytes and closes the connection."""
        return lambda handler: bool(handler.wfile.write(content)) and None

    def status(self, code: int, **headers: str) -> Answer:
        lines = [f"HTTP/1.0 {code} {HTTPStatus(code).phrase}", "Content-Length: 0"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return self.raw("\r\n".join([*lines, "", ""]).encode())

    def ranges(self) -> list[str | None]:
        """Returns the Range header of each request."""
        return [headers.get("Range") for _, headers in self.requests]


@contextmanager
def serve(certificate: tuple[str, str] | None = None) -> Iterator[Web]:
    """Runs a server, over https if it has the files of a certificate and its key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.requests.append((self.path, dict(self.headers)))
            (web.faults.pop(0) if web.faults else web.answer)(self)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    address = "https://localhost" if certificate else "http://127.0.0.1"
    web = Web(f"{address}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield web
    web.stop.set()
    server.shutdown()
    server.server_close()
    thread.join()
