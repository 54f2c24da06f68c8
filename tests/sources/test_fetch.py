"""Transfers against real servers on loopback that cut, stall, fail and redirect."""

import gzip
import random
import socket
from pathlib import Path

import pytest
from archive_making import PAUSES
from secure_server import CONTENT as SECURE_CONTENT
from secure_server import make_certificate, secure_server

from cifarlens.runtime.errors import UserError
from cifarlens.sources.fetch import CHUNK, fetch

CONTENT = random.Random(0).randbytes(1_000_000)
NEW = random.Random(1).randbytes(900_000)
STEP = 6 * CHUNK  # a transfer that breaks keeps whole chunks
ADVICE = "do this"
DATE = {"Last-Modified": "Thu, 04 Jun 2009 20:47:00 GMT"}
pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "folder" / "file.bin"


@pytest.fixture
def get(web, target):
    web.files["/file.bin"] = CONTENT
    return lambda: fetch(f"{web.url}/file.bin", target, ADVICE)


def refuse(url: str, target: Path) -> str:
    with pytest.raises(UserError) as failure:
        fetch(url, target, ADVICE)
    said = str(failure.value)
    assert said.startswith("Cannot fetch ")
    assert said.endswith("; do this.")
    return said


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def ranges(web) -> list[str | None]:
    return [headers.get("Range") for _, headers in web.requests]


def after(size: int) -> str:
    """The range that goes on after so many bytes, the last of which comes again."""
    return f"bytes={size - 1}-"


def test_file_arrives_whole_and_alone(web, get, target):
    get()
    assert target.read_bytes() == CONTENT
    assert left(target) == ["file.bin"]


def test_broken_transfer_goes_on_where_it_broke(web, get, target, capsys):
    """After a cut and a stall; either loses less than a chunk."""
    web.faults = [web.fault(end=4 * STEP + CHUNK - 1), web.fault(end=7 * STEP, stall=True)]
    get()
    assert target.read_bytes() == CONTENT
    assert ranges(web)[:2] == [None, after(4 * STEP + CHUNK - 1)]
    assert 7 * STEP - CHUNK <= int(ranges(web)[2][6:-1]) < 7 * STEP
    assert left(target) == ["file.bin"]
    shown = capsys.readouterr().err
    assert "the connection was cut; trying again in 0.01 s" in shown
    assert "no answer in time; trying again in 0.02 s" in shown


def test_next_run_goes_on_where_the_last_one_gave_up(web, get, target):
    web.faults = [web.fault(end=4 * STEP), *[web.status(503)] * len(PAUSES)]
    with pytest.raises(UserError, match="503"):
        get()
    assert left(target) == ["file.bin.part", "file.bin.version"]
    get()
    assert target.read_bytes() == CONTENT
    assert ranges(web)[-1] == after(4 * STEP)


def test_part_that_was_whole_already(web, get, target):
    """Killed between the last byte and the renaming."""
    get()
    target.rename(target.with_name("file.bin.part"))
    target.with_name("file.bin.version").write_text('"v1"')
    get()
    assert target.read_bytes() == CONTENT
    assert ranges(web)[-1] == after(len(CONTENT))
    assert left(target) == ["file.bin"]


@pytest.mark.parametrize("note", [None, "", "damaged"])
def test_part_of_an_unknown_version_is_not_used(note, web, get, target):
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(b"rubbish")
    if note is not None:
        target.with_name("file.bin.version").write_text(note)
    get()
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("validator", [{"ETag": '"v1"'}, DATE, {}])
def test_file_that_changed_meanwhile_is_not_spliced(validator, web, get, target):
    def cut_then_change(handler):
        web.serve(handler, end=4 * STEP)
        web.files["/file.bin"] = NEW
        web.validators = {"ETag": '"v2"'}

    web.validators = validator
    web.faults = [cut_then_change]
    get()
    assert target.read_bytes() == NEW
    assert web.requests[-1][1].get("If-Range") == next(iter(validator.values()), None)


@pytest.mark.parametrize(("validator", "goes_on"), [(DATE, True), ({}, False)])
def test_servers_without_an_etag(validator, goes_on, web, get, target):
    web.validators = validator
    web.faults = [web.fault(end=4 * STEP)]
    get()
    assert target.read_bytes() == CONTENT
    assert ranges(web)[-1] == (after(4 * STEP) if goes_on else None)


def test_server_without_ranges_starts_over(web, get, target):
    web.faults = [web.fault(end=4 * STEP), web.fault(ranges=False)]
    get()
    assert target.read_bytes() == CONTENT


def test_server_that_always_cuts(web, get):
    web.faults = [web.fault(end=STEP)] * 20
    with pytest.raises(UserError, match="the connection was cut"):
        get()
    assert len(web.requests) == 1 + len(PAUSES)


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(code, web, get, target):
    web.faults = [web.status(code)] * len(PAUSES)
    get()
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_lasting_failures_end_at_once_and_leave_the_old_file(code, web, get, target):
    target.parent.mkdir()
    target.write_bytes(b"old")
    web.faults = [web.status(code)]
    with pytest.raises(UserError, match=f"/file.bin: the server answers {code} [A-Z].*; do this"):
        get()
    assert len(web.requests) == 1
    assert target.read_bytes() == b"old"


def test_redirects_are_followed(web, get, target):
    web.faults = [web.status(302, Location="/moved"), web.status(301, Location="/file.bin")]
    get()
    assert target.read_bytes() == CONTENT


def test_redirects_in_circles_end_at_once(web, target):
    web.faults = [web.status(302, Location="/file.bin")] * 100
    assert "Exceeded 30 redirects" in refuse(f"{web.url}/file.bin", target)
    assert len(web.requests) < 40


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://me:secret@host/x"])
def test_other_schemes_are_refused(place, web, target):
    web.faults = [web.status(302, Location=place)]
    for url in (place, f"{web.url}/file.bin"):
        said = refuse(url, target)
        assert "it leads to another scheme than http or https" in said
        assert "secret" not in said
    assert left(target) == []


@pytest.mark.parametrize("url", ["http://me:secret@[::1/x", "http://host:port/x", "http:///x"])
def test_impossible_addresses_are_refused(url, target, capsys):
    assert "secret" not in refuse(url, target) + "".join(capsys.readouterr())
    assert f"http://{'a' * 70}.b" in refuse(f"http://{'a' * 70}.b/", target)


def test_password_in_the_address_is_used_and_not_shown(web, target, capsys):
    web.faults = [web.status(404)]
    url = web.url.replace("http://", "http://me:secret@")
    assert "secret" not in refuse(f"{url}/file.bin", target) + "".join(capsys.readouterr())
    assert web.requests[0][1]["Authorization"].startswith("Basic ")


def test_server_that_never_answers(web, target):
    web.faults = [web.silence] * 3
    assert "no answer in time" in refuse(f"{web.url}/file.bin", target)


def test_nobody_listens(target):
    with socket.socket() as taken:  # bound but not listening: nobody else can take the port
        taken.bind(("127.0.0.1", 0))
        said = refuse(f"http://127.0.0.1:{taken.getsockname()[1]}/x", target)
    assert "connection refused" in said
    assert left(target) == []


def test_archive_declared_as_gzip_encoding_stays_packed(web, get, target):
    packed = web.files["/file.bin"] = gzip.compress(CONTENT)
    how = {"headers": (("Content-Encoding", "gzip"),)}
    web.faults = [web.fault(end=4 * STEP, **how), web.fault(**how)]
    get()
    assert target.read_bytes() == packed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture
def secure(certificate, web):
    """With `web`, which also keeps loopback from going through a proxy."""
    with secure_server(certificate) as site:
        yield site


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))


@pytest.mark.usefixtures("trusted")
def test_redirects_to_and_within_https_are_followed(secure, web, target):
    secure.target = "/file"
    web.faults = [web.status(301, Location=f"{secure.url}/file")]
    for url in (f"{secure.url}/moved", f"{web.url}/moved"):
        fetch(url, target, ADVICE)
        assert target.read_bytes() == SECURE_CONTENT
        target.unlink()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_redirect_that_gives_up_https_is_refused(scheme, secure, web, target):
    web.files["/file"] = CONTENT
    secure.target = web.url.replace("http", scheme, 1) + "/file"
    assert "from https to http" in refuse(f"{secure.url}/moved", target)
    assert web.requests == []
    assert secure.requests == 1


def test_untrusted_certificate_ends_at_once(secure, target, monkeypatch, capsys):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    said = refuse(f"{secure.url}/file", target)
    assert "its certificate is not trusted (self" in said
    assert "trying again" not in capsys.readouterr().err
    assert secure.requests == 0


def test_proxy_that_fails_is_named(web, target, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert "the proxy fails: connection refused" in refuse(f"{web.url}/file", target)
    assert web.requests == []
