"""Attacks on a running copy. The app refuses each with one sentence and keeps running."""

import base64
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from space_files import BAD, NAMES, PNG, UNUSUAL
from space_making import HTTP, RunningSpace, picture, run_copy
from web_server import Web, serve

MAX_GROWTH = 200  # MiB
PATHS = (
    "/etc/passwd",
    "../../etc/passwd",
    "app.py",
    "{copy}/app.py",
    "{copy}/../app.log",
    "{uploads}/../app.log",
    "/proc/self/environ",
    "file:///etc/passwd",
)
ROUTES = ("/file={}", "/file%3D{}", "/file/{}", "/static/{}")
SENTENCE = re.compile(r"[A-Z“s][^\n]{10,400}[.)]")  # without a traceback


@pytest.fixture(scope="module")
def app(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSpace]:
    """A separate copy, so that its memory reflects only these tests."""
    # Gradio logs tracebacks for many attacks; the last test looks for the app's own.
    with run_copy(space, tmp_path_factory.mktemp("abuse"), refusals=("",)) as copy:
        yield copy


@pytest.fixture(scope="module", autouse=True)
def memory_at_start(app: RunningSpace) -> int:
    return memory(app, "VmRSS") if sys.platform == "linux" else 0


def fetch(app: RunningSpace, path: str) -> httpx.Response:
    return HTTP.get(f"{app.url}/gradio_api{path}", follow_redirects=False)


def memory(app: RunningSpace, key: str) -> int:
    """Memory of the app's process in MiB. `VmHWM` is the peak so far."""
    status = Path(f"/proc/{app.process.pid}/status").read_text()
    (kilobytes,) = re.findall(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) // 1024


def tracebacks_from(folder: Path, log: str) -> list[str]:
    """Tracebacks in a log whose last frame is in a file of the folder."""
    blocks = log.split("Traceback (most recent call last):")[1:]
    ends = [re.findall(r'^ *File "([^"]+)"', block, re.MULTILINE)[-1:] for block in blocks]
    return [b for b, end in zip(blocks, ends, strict=True) if end and str(folder) in end[0]]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_one_sentence_message_without_its_name(app, name):
    content, expected = BAD[name]
    event, message = app.ask("classify", app.upload(name, content), 3)
    assert event == "error"
    assert message.startswith(expected)
    assert "\n" not in message
    assert name not in message


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_pictures_are_classified(app, name):
    event, data = app.ask("classify", app.upload(name, UNUSUAL[name]), 10)
    assert event == "complete"
    assert abs(sum(row["confidence"] for row in data[0]["confidences"]) - 1) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_hostile_file_names_stay_in_the_upload_folder(app, name):
    uploaded = app.upload(name, PNG)
    path = Path(uploaded["path"]).resolve()
    assert path.is_relative_to((app.copy.parent / "uploads").resolve())
    assert path.read_bytes() == PNG
    assert app.ask("classify", uploaded, 3)[0] == "complete"
    assert {path.name for path in app.copy.parent.iterdir()} == {"app.log", "copy", "uploads"}


@pytest.mark.parametrize("template", PATHS)
def test_files_outside_the_uploads_cannot_be_read(app, template):
    path = template.format(copy=app.copy, uploads=app.copy.parent / "uploads")
    event, message = app.ask("classify", picture(path), 3)
    assert event == "error"
    assert "root:" not in str(message)
    assert "GRADIO" not in str(message)
    for route in ROUTES:
        answer = fetch(app, route.format(path.replace("../", "..%2f")))
        assert answer.status_code in (400, 403, 404, 405)
        assert "root:" not in answer.text


def test_uploads_of_other_visitors_cannot_be_listed_or_guessed(app):
    secret = Path(app.upload("private.png", PNG)["path"])
    assert re.fullmatch(r"[0-9a-f]{64}", secret.parent.name)  # a digest of the content
    for path in (secret.parent, secret.parents[1], secret.parents[1] / "private.png"):
        assert fetch(app, f"/file={path}").status_code in (403, 404)
        assert app.ask("classify", picture(str(path)), 3)[0] == "error"


def addresses(url: str, own: str) -> list[Any]:
    port = url.rpartition(":")[2]
    file, meta = picture(f"{url}/a.png"), picture("")["meta"]
    inline = "data:image/png;base64," + base64.b64encode(PNG).decode()
    return [
        file,
        {**file, "url": f"{url}/a.png", "is_stream": True},
        [file],
        {"inner": [file]},
        picture(f"{own}/theme.css"),
        picture(f"HTTP://localhost:{port}/a.png"),
        picture(f" {url}/a.png"),
        picture(f"//127.0.0.1:{port}/a.png"),
        picture(f"ftp://127.0.0.1:{port}/a.png"),
        picture("file:///etc/passwd"),
        picture("a\0b"),
        {"path": "cat.png"},
        {"path": "cat.png", "meta": "gradio.FileData"},
        {"url": f"{url}/a.png", "meta": meta},
        {"path": None, "url": inline, "meta": meta},
        inline,
        None,
    ]


@pytest.fixture
def web() -> Iterator[Web]:
    """A server that only this machine can reach."""
    with serve() as web:
        web.files["/a.png"] = PNG
        yield web


def valid_values(app: RunningSpace) -> dict[str, list[Any]]:
    """Values for every endpoint, by name."""
    file = app.upload("a.png", PNG)
    return {
        "classify": [file, 3],
        "gradcam": [file, 2, "layer3", 70, "Grad-CAM", ["7"]],
        "misclassified": [3, "all classes", "all classes"],
        "page_classify": [file, 3, True, 3, ["7"], ["prep"], "Occlusion", True, True],
        "page_several": [[file], 3, True, 3, "layer3"],
        "page_mistakes": [True, 3, "all classes", "all classes", True, "layer3"],
    }


def ask_queue(app: RunningSpace, name: str, values: list[Any]) -> str:
    """Calls as the page does; returns the error, or an empty text."""
    config = HTTP.get(f"{app.url}/config").json()["dependencies"]
    (index,) = (row["id"] for row in config if row["api_name"] == name)
    session = uuid4().hex
    body = {"data": values, "fn_index": index, "session_hash": session}
    body["event_data"] = {"source": values[0], "true_label": values[0], "predicted": values[0]}
    joined = HTTP.post(f"{app.url}/gradio_api/queue/join", json=body)
    assert joined.status_code == 200, joined.text
    stream = HTTP.get(f"{app.url}/gradio_api/queue/data", params={"session_hash": session})
    rows = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: ")]
    (answer,) = (row for row in rows if row["msg"] == "process_completed")
    return "" if answer["success"] else answer["output"]["error"]


def test_no_value_of_any_endpoint_makes_the_app_fetch_anything(app, web):
    for name, valid in valid_values(app).items():
        assert ask_queue(app, name, valid) == ""
        for place in range(len(valid)):
            for number, value in enumerate(addresses(web.url, app.url)[: 5 if place else None]):
                values = [*valid[:place], value, *valid[place + 1 :]]
                event, message = app.ask(name, *values)
                assert event == "complete" or SENTENCE.fullmatch(message), (values, message)
                if number == 0:
                    assert (ask_queue(app, name, values) == "") == (event == "complete")
                    for route in ("run", "api", "call/v2"):
                        url = f"{app.url}/gradio_api/{route}/{name}"
                        HTTP.post(url, json={"data": values, "image": value, "top_k": value})
    for file in (addresses(web.url, app.url)[0], {"path": "cat.png"}, "cat.png"):
        message = app.ask("classify", file, 3)[1]
        assert "must be sent as an uploaded file, not as a URL" in message
    for path in (f"/file={web.url}/a.png", f"/proxy={web.url}/a.png", f"/stream/{web.url}"):
        assert fetch(app, path).status_code == 404
    assert web.requests == []
    assert HTTP.get(f"{web.url}/a.png").content == PNG  # the server does answer
    assert len(web.requests) == 1


CALL, JOIN = "/gradio_api/call/classify", "/gradio_api/queue/join"
DEEP = b'{"data": [' + b"[" * 900 + b"]" * 900 + b"]}"
REFUSED = [
    ("GET", "/nowhere", {}, 404, "nothing at this address"),
    ("GET", "/openapi.json", {}, 404, "nothing at this address"),
    ("GET", "/gradio_api/file=/etc/passwd", {}, 404, "does not exist or has expired"),
    ("GET", f"{CALL}/unknown", {}, 404, "No request has this event_id"),
    ("GET", "/gradio_api/queue/data?session_hash=unknown", {}, 404, "No answers wait"),
    ("GET", CALL, {}, 405, "use POST"),
    ("PUT", "/gradio_api/upload", {}, 405, "use POST"),
    ("GET", f"/config?page={'x' * 3000}", {}, 414, "longer than 2000"),
    ("POST", "/login", {"data": {"username": "a", "password": "b"}}, 404, "nothing at"),
    ("POST", "/gradio_api/component_server", {"json": {}}, 404, "nothing at"),
    ("POST", "/gradio_api/vibe-edit", {"json": {"prompt": "x"}}, 404, "nothing at"),
    ("POST", CALL, {}, 400, "not JSON"),
    ("POST", CALL, {"content": b"{"}, 400, "not JSON"),
    ("POST", CALL, {"content": b"[" * 100_000}, 400, "not JSON"),
    ("POST", CALL, {"content": DEEP}, 400, "could not be understood"),
    ("POST", CALL, {"json": [1]}, 400, "could not be understood"),
    ("POST", CALL, {"json": {"data": "x"}}, 400, "“data” is missing"),
    ("POST", CALL, {"json": {"data": dict.fromkeys(map(str, range(10**5)))}}, 413, "0.2 MB"),
    ("POST", CALL, {"content": b'{"data": []}'}, 400, "content type application/json"),
    ("POST", "/gradio_api/call/dog", {"json": {"data": []}}, 404, "classify, gradcam, miscl"),
    ("POST", "/gradio_api/run/classify", {"json": {"data": []}}, 404, "nothing at"),
    ("POST", JOIN, {"json": {"data": [], "fn_index": 999, "session_hash": "a"}}, 404, "not exist"),
    ("POST", JOIN, {"json": {"data": [], "fn_index": 2}}, 400, "session_hash is missing"),
    ("POST", JOIN, {"json": {"data": [], "session_hash": "x" * 101}}, 400, "at most 100"),
    ("POST", CALL, {"content": b'{"data": ["\\ud800", 3]}'}, 400, "not JSON"),
    ("GET", f"/gradio_api/upload_progress?upload_id={'x' * 101}", {}, 400, "upload_id has more"),
    ("POST", "/gradio_api/call/v2/dog", {"json": {}}, 404, "endpoint does not exist"),
    ("POST", "/gradio_api/call/v2/classify", {"json": {"dog": 1}}, 400, "could not process"),
    ("POST", "/gradio_api/cancel", {"json": {}}, 400, "could not be understood"),
    ("POST", "/gradio_api/upload", {"json": {}}, 400, "multipart/form-data"),
    ("POST", "/gradio_api/upload", {"files": {"image": PNG}}, 400, "named “files”"),
    ("POST", "/gradio_api/upload", {"files": [("files", PNG)] * 101}, 400, "at most 100 files"),
    ("POST", "/gradio_api/upload", {"files": {"files": bytes(11 * 10**6)}}, 413, "than 10 MB"),
    ("POST", "/gradio_api/upload", {"files": {"files": PNG}, "data": {"a": "b"}}, 400, "alone"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSED)
def test_every_refusal_has_a_status_and_a_sentence(app, method, path, body, status, words):
    stored = set((app.copy.parent / "uploads").rglob("*"))
    answer = HTTP.request(method, app.url + path, **body)
    text = answer.text if path == "/gradio_api/upload" else answer.json()["detail"]
    assert (answer.status_code, words in text) == (status, True), text
    assert SENTENCE.fullmatch(text)
    assert set((app.copy.parent / "uploads").rglob("*")) == stored


def test_too_few_values_and_expired_pictures_are_named(app):
    values = valid_values(app)
    file = values["classify"][0]
    message = "The number of values is 1; it must be 2: Picture, Number of top classes."
    assert app.ask("classify", file) == ("error", message)
    Path(file["path"]).unlink()
    for name in ("classify", "gradcam", "page_classify", "page_several"):
        assert "The picture has expired" in str(app.ask(name, *values[name])[1])


def test_a_session_that_reads_no_answers_is_stopped(app):
    body = {"data": [3, "all classes", "all classes"], "session_hash": "silent"}
    url, statuses = f"{app.url}/gradio_api/call/misclassified", []
    while 429 not in statuses:
        statuses.append(HTTP.post(url, json=body).status_code)
        assert len(statuses) < 2000
        if statuses[-1] == 503:  # the queue is full, but the app is healthy
            assert HTTP.get(f"{app.url}/healthz").json() == {"status": "ok"}
            time.sleep(0.1)
    assert statuses.count(200) == 100
    assert set(statuses) <= {200, 429, 503}


def test_oversized_bodies_are_refused(app):
    upload, call = f"{app.url}/gradio_api/upload", f"{app.url}/gradio_api/call/classify"
    assert HTTP.post(upload, files={"files": ("a.png", bytes(11 * 10**6))}).status_code == 413
    before = memory(app, "VmRSS")
    # With and without a declared length.
    for content in (b"[" * 20_000_000, (b"[" * 1_000_000 for _ in range(20))):
        answer = HTTP.post(call, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert "larger than 0.2 MB, the limit here" in answer.json()["detail"]
    assert memory(app, "VmRSS") - before < 50


def test_twenty_files_can_be_uploaded_at_once(app):
    files = [("files", (f"{number}.png", PNG + bytes(1_000_000))) for number in range(20)]
    answer = HTTP.post(f"{app.url}/gradio_api/upload", files=files)
    assert answer.status_code == 200
    assert len(answer.json()) == 20


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_the_app_still_answers_and_its_memory_is_bounded(app, memory_at_start):
    """Runs last, because the peak is that of all tests above."""
    event, data = app.ask("classify", app.upload("a.png", PNG), 10)
    assert event == "complete"
    assert len(data[0]["confidences"]) == 10
    assert app.process.poll() is None
    assert tracebacks_from(app.copy, app.log.read_text()) == []
    assert memory(app, "VmHWM") - memory_at_start <= MAX_GROWTH
