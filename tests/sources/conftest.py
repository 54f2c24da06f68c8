"""A real web server on loopback that can be told how to misbehave, and small archives to serve."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from archive_making import PAUSES, ROOT, SmallStage, dump, make_batches, pack, spread, sums

from cifarlens import params
from cifarlens.dataset.arrays import dataset_digest, save_dataset
from cifarlens.sources import cifar10, fetch
from cifarlens.sources.cifar10 import ARCHIVE, MD5S, SOURCE, load_cifar10


@dataclass
class Web:
    """Serves `files`; each of `faults` answers one request, in order, instead of the server."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    validators: dict[str, str] = field(default_factory=lambda: {"ETag": '"v1"'})
    go_on: threading.Event = field(default_factory=threading.Event)

    def serve(
        self,
        handler: BaseHTTPRequestHandler,
        ranges: bool = True,
        end: int | None = None,
        stall: bool = False,
        wait: bool = False,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """One answer.

        Args:
            handler: the request.
            ranges: heed Range.
            end: cut the connection at this byte of the file.
            stall: send nothing more from there on, instead of cutting.
            wait: the same, but send the rest when `go_on` is set.
            headers: further ones.
        """
        content = self.files[handler.path]
        start, status = 0, 200
        wanted = handler.headers.get("Range")
        same = handler.headers.get("If-Range") in self.validators.values()
        if ranges and wanted and same:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
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
        if stall or wait:
            self.go_on.wait(30)
        if wait:
            handler.wfile.write(content[start:][end:])

    def fault(self, **how: Any) -> Callable[[BaseHTTPRequestHandler], None]:
        return lambda handler: self.serve(handler, **how)

    def silence(self, _: BaseHTTPRequestHandler) -> None:
        """No answer."""
        self.go_on.wait(30)

    def raw(self, content: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
        """Whatever it is, and then the end of the connection."""
        return lambda handler: bool(handler.wfile.write(content)) and None

    def status(self, code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(code)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return answer


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):  # loopback goes through no proxy
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append((self.path, dict(self.headers)))
            (site.faults.pop(0) if site.faults else site.serve)(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Web(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def batches() -> dict[str, dict[str, Any]]:
    return make_batches()


@pytest.fixture(scope="session")
def members(batches: dict[str, dict[str, Any]]) -> dict[str, bytes]:
    """What the files of a small CIFAR-10 hold."""
    meta = {"label_names": [f"class {label}" for label in range(10)]}
    return {name: dump(batches.get(name, meta)) for name in MD5S}


@pytest.fixture
def md5s(members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The sums of the small members, in place of the published ones."""
    monkeypatch.setattr(cifar10, "MD5S", sums(members))
    return cifar10.MD5S


@pytest.fixture(scope="session")
def good(members: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The right archive."""
    return pack(tmp_path_factory.mktemp("good") / "c.tar.gz", members).read_bytes()


@pytest.fixture(scope="session")
def good_digest(members: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the data set in it."""
    folder = tmp_path_factory.mktemp("digest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar10, "MD5S", sums(members))
        patch.setenv(SOURCE, str(spread(folder / "members", members)))
        save_dataset(folder / "dataset", load_cifar10())
    return dataset_digest(folder / "dataset")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetches with short pauses and time-outs."""
    monkeypatch.setattr(fetch, "PAUSES", PAUSES)
    monkeypatch.setattr(fetch, "TIMEOUT", (2.0, 0.3))


@pytest.fixture
def stage(tmp_path: Path, members: dict[str, bytes], good_digest: str) -> SmallStage:
    """A project folder whose CIFAR10_SOURCE is empty."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / params.PARAMS).write_bytes((ROOT / params.PARAMS).read_bytes())
    settings = {"md5s": sums(members), "pauses": PAUSES, "timeout": (2.0, 0.5)}
    return SmallStage(folder, settings, "", good_digest)


@pytest.fixture
def mirrored(stage: SmallStage, web: Web, good: bytes) -> SmallStage:
    """The same, with the right archive on the server, which may have faults first."""
    web.files[f"/{ARCHIVE.name}"] = good
    stage.source = f"{web.url}/{ARCHIVE.name}"
    return stage
