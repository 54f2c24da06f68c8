"""Attacks on a running copy. The app refuses each with one sentence and keeps running."""

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from space_files import BAD, NAMES, PNG, UNUSUAL
from space_making import HTTP, RunningSpace, picture, run_copy
from web_server import Web, serve

MAX_MEMORY = 800  # MiB
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


@pytest.fixture(scope="module")
def app(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSpace]:
    """A separate copy, so that its memory reflects only these tests."""
    # Gradio logs tracebacks for many attacks; the last test looks for the app's own.
    with run_copy(space, tmp_path_factory.mktemp("abuse"), refusals=("",)) as copy:
        yield copy


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


def pictures_by_url(url: str, own: str) -> list[Any]:
    port = url.rpartition(":")[2]
    inline = "data:image/png;base64," + base64.b64encode(PNG).decode()
    return [
        {**picture(f"{url}/a.png"), "url": f"{url}/a.png"},
        {**picture(f"{own}/theme.css"), "url": f"{own}/theme.css"},
        picture(f"{url}/a.png"),
        picture(f"HTTP://localhost:{port}/a.png"),
        picture(f" {url}/a.png"),
        picture(f"//127.0.0.1:{port}/a.png"),
        picture(f"ftp://127.0.0.1:{port}/a.png"),
        {**picture(f"{url}/a.png"), "is_stream": True},
        {"url": f"{url}/a.png", "meta": {"_type": "gradio.FileData"}},
        {"path": None, "url": f"{url}/a.png", "meta": {"_type": "gradio.FileData"}},
        {"path": None, "url": inline},
        inline,
    ]


@pytest.fixture
def web() -> Iterator[Web]:
    """A server that only this machine can reach."""
    with serve() as web:
        web.files["/a.png"] = PNG
        yield web


def test_the_app_fetches_no_url(app, web):
    for number, value in enumerate(pictures_by_url(web.url, app.url)):
        for name, rest in (("classify", [3]), ("gradcam", [2, "layer3", 70, "Grad-CAM"])):
            event, message = app.ask(name, value, *rest)
            assert event == "error", value
            if number < 2:  # Gradio refuses the others without a message
                assert "must be sent as an uploaded file, not as a URL" in message
    for path in (f"/file={web.url}/a.png", f"/proxy={web.url}/a.png", f"/stream/{web.url}"):
        assert fetch(app, path).status_code >= 400
    assert web.requests == []
    assert HTTP.get(f"{web.url}/a.png").content == PNG  # the server does answer
    assert len(web.requests) == 1


def test_oversized_bodies_are_refused(app):
    upload, call = f"{app.url}/gradio_api/upload", f"{app.url}/gradio_api/call/classify"
    assert HTTP.post(upload, files={"files": ("a.png", bytes(11 * 10**6))}).status_code == 413
    before = memory(app, "VmRSS")
    # With and without a declared length.
    for content in (b"[" * 20_000_000, (b"[" * 1_000_000 for _ in range(20))):
        answer = HTTP.post(call, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert "larger than 1 MB, the limit here" in answer.json()["detail"]
    assert memory(app, "VmRSS") - before < 50


def test_twenty_files_can_be_uploaded_at_once(app):
    files = [("files", (f"{number}.png", PNG + bytes(1_000_000))) for number in range(20)]
    answer = HTTP.post(f"{app.url}/gradio_api/upload", files=files)
    assert answer.status_code == 200
    assert len(answer.json()) == 20


def test_private_endpoints_leak_nothing(app):
    """Their names are public, because the page uses them."""
    config = HTTP.get(f"{app.url}/config").json()
    names = [row["api_name"] for row in config["dependencies"] if row["api_name"]]
    assert "page_classify" in names
    for name in names:
        for values in ([], [None] * 6, ["x"] * 6, [{"path": "/etc/passwd"}] * 6):
            _, message = app.ask(name, *values)
            assert "root:" not in str(message)
            assert "Traceback" not in str(message)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_the_app_still_answers_and_its_memory_is_bounded(app):
    """Runs last, because the peak is that of all tests above."""
    event, data = app.ask("classify", app.upload("a.png", PNG), 10)
    assert event == "complete"
    assert len(data[0]["confidences"]) == 10
    assert app.process.poll() is None
    assert tracebacks_from(app.copy, app.log.read_text()) == []
    assert memory(app, "VmHWM") <= MAX_MEMORY
