"""What a stranger could try on a running copy: it refuses in one sentence and lives on."""

import http.server
import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from space_files import BAD, NAMES, ODD, PNG
from space_making import Running, running

MOST_MEMORY = 800  # MiB
JSON_TYPE = {"content-type": "application/json"}
EVERY = ("",)  # Gradio logs a traceback for much that is sent here; the last test looks for ours


@pytest.fixture(scope="module")
def app(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A copy of its own, whose memory is of these tests alone."""
    with running(space, tmp_path_factory.mktemp("abuse"), EVERY) as started:
        yield started


@pytest.fixture(scope="module")
def web(app: Running) -> Iterator[httpx.Client]:
    address = f"{app.url}/gradio_api"
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        yield client


def upload(web: httpx.Client, name: str, content: bytes) -> str:
    """Where the app put it."""
    answer = web.post("/upload", files={"files": (name, content)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0])


def picture(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def ask(web: httpx.Client, *values: object, name: str = "classify") -> tuple[str, object]:
    """`complete` or `error`, and what came with it."""
    posted = web.post(f"/call/{name}", json={"data": values})
    assert posted.status_code == 200, posted.text
    stream = web.get(f"/call/{name}/{posted.json()['event_id']}").text
    event, data = re.findall(r"^(?:event|data): (.*)$", stream, re.MULTILINE)[-2:]
    return event, json.loads(data)


def memory(app: Running, key: str) -> int:
    """MiB of the app's process; `VmHWM` is the peak so far."""
    status = Path(f"/proc/{app.process.pid}/status").read_text()
    (found,) = re.findall(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found) // 1024


def raised_by(folder: Path, log: str) -> list[str]:
    """Tracebacks in a log that end in a file of the folder."""
    blocks = log.split("Traceback (most recent call last):")[1:]
    ends = [re.findall(r'^ *File "([^"]+)"', block, re.MULTILINE)[-1:] for block in blocks]
    return [b for b, end in zip(blocks, ends, strict=True) if end and str(folder) in end[0]]


def test_there_are_at_least_forty_kinds():
    assert len(BAD) >= 40


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_sentence(web, name):
    content, words = BAD[name]
    event, data = ask(web, picture(upload(web, name, content)), 3)
    assert event == "error"
    message = data["error"] if isinstance(data, dict) else data
    assert message.startswith(words)
    assert "\n" not in message
    assert name not in message


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_are_answered(web, name):
    event, data = ask(web, picture(upload(web, name, ODD[name])), 10)
    assert event == "complete"
    assert abs(sum(row["confidence"] for row in data[0]["confidences"]) - 1) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_names_with_tricks_stay_in_the_uploads(app, web, name):
    place = Path(upload(web, name, PNG)).resolve()
    uploads = (app.copy.parent / "uploads").resolve()
    assert place.is_relative_to(uploads)
    assert place.read_bytes() == PNG
    event, _ = ask(web, picture(str(place)), 3)
    assert event == "complete"
    assert {path.name for path in app.copy.parent.iterdir()} == {"app.log", "copy", "uploads"}


OUTSIDE = (
    "/etc/passwd",
    "../../etc/passwd",
    "app.py",
    "./app.py",
    "card.json",
    "{copy}/app.py",
    "{copy}/model/config.json",
    "{copy}/../app.log",
    "{copy}/cifarlens/space/app/server.py",
    "{uploads}/../app.log",
    "/proc/self/environ",
    "/proc/self/cwd/app.py",
    "file:///etc/passwd",
)


def places(app: Running, text: str) -> str:
    return text.format(copy=app.copy, uploads=app.copy.parent / "uploads")


@pytest.mark.parametrize("place", OUTSIDE)
def test_files_outside_cannot_be_named_as_a_picture(app, web, place):
    event, data = ask(web, picture(places(app, place)), 3)
    assert event == "error"
    shown = json.dumps(data)
    assert "root:" not in shown
    assert "GRADIO" not in shown


@pytest.mark.parametrize("address", ["/file={}", "/file%3D{}", "/file/{}", "/static/{}"])
@pytest.mark.parametrize("place", OUTSIDE)
def test_files_outside_cannot_be_fetched(app, web, place, address):
    path = address.format(places(app, place).replace("../", "..%2f"))
    answer = web.get(path, follow_redirects=False)
    assert answer.status_code in (400, 403, 404, 405)
    assert "root:" not in answer.text


def test_other_visitors_uploads_cannot_be_listed_or_guessed(app, web):
    secret = Path(upload(web, "private.png", PNG))
    assert re.fullmatch(r"[0-9a-f]{64}", secret.parent.name)  # a digest of what it holds
    for place in (secret.parent, secret.parents[1], secret.parents[1] / "private.png"):
        assert web.get(f"/file={place}").status_code in (403, 404)
        event, _ = ask(web, picture(str(place)), 3)
        assert event == "error"


@pytest.fixture
def inside() -> Iterator[tuple[str, list[str]]]:
    """A server that only this machine can reach, and the requests it got."""
    got: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PNG)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()
    thread.join()


def addresses(url: str) -> list[dict[str, object]]:
    meta = {"_type": "gradio.FileData"}
    port = url.rpartition(":")[2]
    return [
        {"path": f"{url}/a.png", "meta": meta},
        {"path": f"{url}/a.png", "url": f"{url}/a.png", "meta": meta},
        {"url": f"{url}/a.png", "meta": meta},
        {"path": None, "url": f"{url}/a.png", "meta": meta},
        {"path": f"HTTP://localhost:{port}/a.png", "meta": meta},
        {"path": f" {url}/a.png", "meta": meta},
        {"path": f"//127.0.0.1:{port}/a.png", "meta": meta},
        {"path": f"ftp://127.0.0.1:{port}/a.png", "meta": meta},
        {"path": f"{url}/a.png", "is_stream": True, "meta": meta},
    ]


def test_the_app_fetches_no_address(app, web, inside):
    url, got = inside
    for named in addresses(url):
        for name, rest in (("classify", [3]), ("gradcam", [2, "layer3", 70, "Grad-CAM"])):
            event, _ = ask(web, named, *rest, name=name)
            assert event == "error", named
    for path in (f"/file={url}/a.png", f"/proxy={url}/a.png", f"/stream/{url}"):
        assert web.get(path).status_code >= 400
    assert got == []
    assert httpx.get(f"{url}/alive", trust_env=False).content == PNG  # it would have answered
    assert got == ["/alive"]


def test_oversized_bodies_are_refused(app, web):
    large = bytes(11 * 10**6)
    assert web.post("/upload", files={"files": ("a.png", large)}).status_code == 413
    before = memory(app, "VmRSS")
    for content in (b"[" * 20_000_000, (b"[" * 1_000_000 for _ in range(20))):  # length told or not
        posted = web.post("/call/classify", content=content, headers=JSON_TYPE)
        assert posted.status_code == 413
        assert posted.json() == {"detail": "The request is too large."}
    assert memory(app, "VmRSS") - before < 50


def test_twenty_files_at_once_are_taken(web):
    files = [("files", (f"{number}.png", PNG + bytes(1_000_000))) for number in range(20)]
    answer = web.post("/upload", files=files)
    assert answer.status_code == 200
    assert len(answer.json()) == 20


BODIES = (b"", b"{", b"[]", b'{"data": 5}', b'{"data": []}', b'{"data": [1,2,3,4]}', b"[" * 5000)


@pytest.mark.parametrize("body", BODIES)
def test_bodies_that_are_none(web, body):
    posted = web.post("/call/classify", content=body, headers=JSON_TYPE)
    if posted.status_code == 200:
        stream = web.get(f"/call/classify/{posted.json()['event_id']}").text
        assert "event: error" in stream
        assert "Traceback" not in stream
    else:
        assert 400 <= posted.status_code < 600


def test_private_endpoints_refuse_as_the_public_ones_do(app, web):
    """Their names are no secret: the page itself uses them."""
    config = httpx.get(f"{app.url}/config", trust_env=False).json()
    names = [row["api_name"] for row in config["dependencies"] if row["api_name"]]
    assert "page_classify" in names
    for name in names:
        for values in ([], [None] * 6, ["x"] * 6, [{"path": "/etc/passwd"}] * 6):
            posted = web.post(f"/call/{name}", json={"data": values})
            if posted.status_code == 200:
                stream = web.get(f"/call/{name}/{posted.json()['event_id']}").text
                assert "root:" not in stream
                assert "Traceback" not in stream


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_it_lives_on_within_its_memory(app, web):
    """The last test here: the peak is that of all before it."""
    event, data = ask(web, picture(upload(web, "a.png", PNG)), 10)
    assert event == "complete"
    assert len(data[0]["confidences"]) == 10
    assert app.process.poll() is None
    assert raised_by(app.copy, app.log.read_text()) == []
    assert memory(app, "VmHWM") <= MOST_MEMORY
