"""Downloads from real servers on loopback that cut, stall, fail and redirect."""

import gzip
import random
import socket
from pathlib import Path
from unittest.mock import Mock

import pytest
from tqdm import tqdm
from web_server import PAUSES, serve
from werkzeug.serving import make_ssl_devcert

from cifarlens.runtime.errors import UserError
from cifarlens.sources.fetch import CHUNK, fetch

CONTENT = random.Random(0).randbytes(1_000_000)
NEW = random.Random(1).randbytes(900_000)
STEP = 6 * CHUNK  # a broken transfer keeps complete chunks
ADVICE = "do this"
DATE = {"Last-Modified": "Thu, 04 Jun 2009 20:47:00 GMT"}
pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "folder" / "file.bin"


@pytest.fixture
def get(web, target):
    web.files["/file.bin"] = CONTENT
    return lambda: fetch(f"{web.url}/file.bin", target, ADVICE)


def error_message(url: str, target: Path) -> str:
    with pytest.raises(UserError) as failure:
        fetch(url, target, ADVICE)
    message = str(failure.value)
    assert message.startswith("Cannot download ")
    assert message.endswith("; do this.")
    assert message.isprintable()
    return message


def files(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def resume(size: int) -> str:
    """Returns the range that resumes after this many bytes and repeats the last of them."""
    return f"bytes={size - 1}-"


def test_a_broken_transfer_resumes_where_it_broke(web, get, target, capsys):
    """A cut and a stall each lose less than a chunk."""
    web.faults = [web.fault(end=4 * STEP + CHUNK - 1), web.fault(end=7 * STEP, stall=True)]
    get()
    assert target.read_bytes() == CONTENT
    assert web.ranges()[:2] == [None, resume(4 * STEP + CHUNK - 1)]
    assert 7 * STEP - CHUNK <= int(web.ranges()[2][6:-1]) < 7 * STEP
    assert files(target) == ["file.bin"]
    stderr = capsys.readouterr().err
    assert "the connection broke; retrying in 0.01 s" in stderr
    assert "the server did not answer in time; retrying in 0.02 s" in stderr


def test_the_next_run_resumes_the_download(web, get, target):
    web.faults = [web.fault(end=4 * STEP), *[web.status(503)] * len(PAUSES)]
    with pytest.raises(UserError, match="503"):
        get()
    assert files(target) == ["file.bin.part", "file.bin.version"]
    get()
    assert target.read_bytes() == CONTENT
    assert web.ranges()[-1] == resume(4 * STEP)


def test_ctrl_c_keeps_what_has_arrived(web, get, target, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tqdm, "update", Mock(side_effect=[None, None, KeyboardInterrupt]))
        with pytest.raises(KeyboardInterrupt):
            get()
    assert files(target) == ["file.bin.part", "file.bin.version"]
    get()
    assert target.read_bytes() == CONTENT
    assert web.ranges()[-1] == resume(3 * CHUNK)


@pytest.mark.parametrize("version", [None, "", "damaged"])
def test_a_part_of_an_unknown_version_is_not_used(version, get, target):
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(b"rubbish")
    if version is not None:
        target.with_name("file.bin.version").write_text(version)
    get()
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("change", ["none", "new file", "no ranges"])
@pytest.mark.parametrize("validator", [{"ETag": '"v1"'}, DATE, {}])
def test_a_transfer_resumes_only_if_the_file_is_the_same(change, validator, web, get, target):
    def cut(handler):
        web.answer(handler, end=4 * STEP)
        if change == "new file":
            web.files["/file.bin"] = NEW
            web.validators = {"ETag": '"v2"'}

    web.validators = validator
    web.faults = [cut, web.fault(ranges=change != "no ranges")]
    get()
    assert target.read_bytes() == (NEW if change == "new file" else CONTENT)
    assert web.requests[-1][1].get("If-Range") == next(iter(validator.values()), None)
    assert web.ranges()[-1] == (resume(4 * STEP) if validator else None)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + bytes(16) + b"\r\n"
BROKEN = "the connection broke"
FAULTS = {
    "cut in the middle": (lambda web: web.fault(end=STEP), BROKEN),
    "cut before the first byte": (lambda web: web.raw(b""), BROKEN),
    "cut in a chunk": (lambda web: web.raw(CHUNKED), BROKEN),
    "not HTTP": (lambda web: web.raw(b"220 mail server ready\r\n" * 9), BROKEN),
    "silence": (lambda web: web.silence, "the server did not answer in time"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_keeps_failing_stops_the_download(fault, web, get, target):
    make_fault, reason = FAULTS[fault]
    web.faults = [make_fault(web)] * 20
    assert reason in error_message(f"{web.url}/file.bin", target)
    assert len(web.requests) == 1 + len(PAUSES)
    web.faults = []
    get()
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_temporary_statuses_are_retried(code, web, get, target):
    web.faults = [web.status(code)] * len(PAUSES)
    get()
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_other_statuses_stop_at_once_and_keep_the_old_file(code, web, get, target):
    target.parent.mkdir()
    target.write_bytes(b"old")
    web.faults = [web.status(code)]
    with pytest.raises(UserError, match=f"/file.bin: the server answered {code} [A-Z].*; do this"):
        get()
    assert len(web.requests) == 1
    assert target.read_bytes() == b"old"


def test_a_status_with_terminal_codes_is_quoted_safely(web, target):
    web.faults = [web.raw(b"HTTP/1.1 404 \x1b[2J" + b"x" * 999 + b"\r\n\r\n")]
    assert "the server answered 404 ?[2Jxxx" in error_message(f"{web.url}/file.bin", target)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://me:secret@host/x"])
def test_other_schemes_are_refused(place, web, target):
    web.faults = [web.status(302, Location=place)]
    for url in (place, f"{web.url}/file.bin"):
        message = error_message(url, target)
        assert "the URL or a redirect is not http or https" in message
        assert "secret" not in message
    assert files(target) == []


@pytest.mark.parametrize("url", ["http://me:secret@[::1/x", "http://host:port/x", "http:///x"])
def test_invalid_urls_are_refused(url, target, capsys):
    assert "secret" not in error_message(url, target) + "".join(capsys.readouterr())
    assert f"http://{'a' * 70}.b" in error_message(f"http://{'a' * 70}.b/", target)


def test_a_password_in_the_url_is_used_but_not_printed(web, target, capsys):
    web.faults = [web.status(404)]
    url = web.url.replace("http://", "http://me:secret@")
    output = error_message(f"{url}/file.bin", target) + "".join(capsys.readouterr())
    assert "secret" not in output
    assert web.requests[0][1]["Authorization"].startswith("Basic ")


def test_no_server(target):
    with socket.socket() as unused:  # bound but not listening, so that no other program can listen
        unused.bind(("127.0.0.1", 0))
        message = error_message(f"http://127.0.0.1:{unused.getsockname()[1]}/x", target)
    assert "connection refused" in message
    assert files(target) == []


def test_an_archive_declared_as_gzip_encoding_stays_compressed(web, get, target):
    compressed = web.files["/file.bin"] = gzip.compress(CONTENT)
    headers = (("Content-Encoding", "gzip"),)
    web.faults = [web.fault(end=4 * STEP, headers=headers), web.fault(headers=headers)]
    get()
    assert target.read_bytes() == compressed


@pytest.fixture
def secure(tmp_path, monkeypatch):
    """A trusted https server."""
    certificate = make_ssl_devcert(str(tmp_path / "server"), cn="localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
    with serve(certificate) as secure:
        secure.files["/file"] = NEW
        yield secure


def test_redirects_to_and_within_https_are_followed(secure, web, target):
    web.faults = [web.status(301, Location=f"{secure.url}/moved")]
    secure.faults = [secure.status(302, Location="/file")]
    fetch(f"{web.url}/file", target, ADVICE)
    assert target.read_bytes() == NEW


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_a_redirect_from_https_to_http_is_refused(scheme, secure, web, target):
    web.files["/file"] = CONTENT
    secure.faults = [secure.status(302, Location=web.url.replace("http", scheme, 1) + "/file")]
    assert "from https to http" in error_message(f"{secure.url}/moved", target)
    assert web.requests == []
    assert len(secure.requests) == 1


def test_an_untrusted_certificate_stops_at_once(secure, target, monkeypatch, capsys):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    message = error_message(f"{secure.url}/file", target)
    assert "its certificate is not trusted (self" in message
    assert "retrying" not in capsys.readouterr().err
    assert secure.requests == []
