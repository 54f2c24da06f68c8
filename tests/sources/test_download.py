"""The download stage as a process against a server that fails: one sentence, then success."""

import contextlib
import fcntl
import gzip
import os
import pty
import signal
import socket
import struct
import tarfile
import termios

import pytest
from archive_making import Evil, add, dump, pack

from cifarlens.sources.cifar10 import ARCHIVE, FOLDER

OFTEN = 20  # more than any number of attempts
HTML = b"<!doctype html><title>Please log in</title>"


def ok(content: bytes, *headers: str) -> bytes:
    """A whole answer, with just these headers."""
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode() + content


def chunked(content: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    size = f"{len(content):x}\r\n".encode()
    return ok(size + content + b"\r\n" + end, "Transfer-Encoding: chunked")


def dead_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/c.tar.gz"


# What the server does to every request, and how the sentence ends.
FAULTS = {
    "cut in the middle": (
        lambda web, good: web.fault(end=100_000, ranges=False),
        "the connection was cut (gave up after 3 attempts)",
    ),
    "cut before the first byte": (
        lambda web, good: web.raw(b""),
        "the connection was cut (gave up after 3 attempts)",
    ),
    "cut in a chunk": (
        lambda web, good: web.raw(chunked(good, end=b"")),
        "the connection was cut (gave up after 3 attempts)",
    ),
    "shorter than declared": (
        lambda web, good: web.raw(ok(good, f"Content-Length: {len(good) + 1}")),
        "the connection was cut (gave up after 3 attempts)",
    ),
    "longer than declared": (
        lambda web, good: web.raw(ok(good, f"Content-Length: {len(good) - 1000}")),
        "is truncated or damaged (",
    ),
    "cut where no length was declared": (
        lambda web, good: web.raw(ok(good[:-1000])),
        "is truncated or damaged (",
    ),
    "500": (
        lambda web, good: web.status(500),
        "the server answers 500 Internal Server Error (gave up after 3 attempts)",
    ),
    "503": (
        lambda web, good: web.status(503),
        "the server answers 503 Service Unavailable (gave up after 3 attempts)",
    ),
    "403": (lambda web, good: web.status(403), ": the server answers 403 Forbidden; set"),
    "404": (lambda web, good: web.status(404), ": the server answers 404 Not Found; set"),
    "a status with terminal codes": (
        lambda web, good: web.raw(b"HTTP/1.1 404 \x1b[2J" + b"x" * 999 + b"\r\n\r\n"),
        ": the server answers 404 ?[2Jxxx",
    ),
    "no answer in time": (
        lambda web, good: web.silence,
        "no answer in time (gave up after 3 attempts)",
    ),
    "a stall in the middle": (
        lambda web, good: web.fault(end=100_000, ranges=False, stall=True),
        "no answer in time (gave up after 3 attempts)",
    ),
    "no HTTP": (
        lambda web, good: web.raw(b"220 mail server ready\r\n" * 9),
        "the connection was cut (gave up after 3 attempts)",
    ),
    "endless headers": (
        lambda web, good: web.raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 999 + b"\r\n"),
        "the connection was cut (gave up after 3 attempts)",
    ),
    "redirects in circles": (
        lambda web, good: web.status(302, Location=f"/{ARCHIVE}"),
        "Exceeded 30 redirects; set",
    ),
    "a redirect to a file": (
        lambda web, good: web.status(302, Location="file:///etc/passwd"),
        "redirects to file:///etc/passwd, but only http and https addresses will do there; set",
    ),
    "a redirect to nobody": (
        lambda web, good: web.status(302, Location=dead_address()),
        "connection refused (gave up after 3 attempts)",
    ),
    "a redirect without an address": (lambda web, good: web.status(302), "answers 302 Found; set"),
    "a page": (
        lambda web, good: web.raw(ok(HTML, "Content-Type: text/html")),
        "is no .tar.gz or .tar.xz archive",
    ),
    "nothing": (lambda web, good: web.raw(ok(b"")), "is no .tar.gz or .tar.xz archive"),
    "wrong bytes": (
        lambda web, good: web.raw(ok(good[:2] + os.urandom(9999))),
        "is truncated or damaged (",
    ),
    "a truncated archive": (
        lambda web, good: web.raw(ok(good[:-9999], f"Content-Length: {len(good) - 9999}")),
        "is truncated or damaged (",
    ),
    "another archive": (
        lambda web, good: web.raw(ok(gzip.compress(bytes(10240)))),
        "has no file data_batch_1",
    ),
    "an impossible length": (
        lambda web, good: web.raw(ok(good, "Content-Length: 999999999999999")),
        "it is larger than 1073741824 bytes; set",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_failing_server(fault, mirrored, web, good):
    make, sentence = FAULTS[fault]
    web.faults = [make(web, good)] * 4 * OFTEN
    said = mirrored.fails()
    assert sentence in said
    assert f"{web.url}/{ARCHIVE}" in said
    assert "CIFAR10_SOURCE" in said
    web.faults = []
    mirrored.succeeds()


def test_official_address_fails(mirrored, web, good):
    """Without CIFAR10_SOURCE; its archive has one MD5, here another than the server's."""
    mirrored.source = ""
    said = mirrored.fails(url=f"{web.url}/{ARCHIVE}")
    assert "instead of c58f30108f718f92721af3b95e74349a, so it is not the right file" in said
    assert mirrored.kept() == []
    mirrored.source = f"{web.url}/{ARCHIVE}"
    mirrored.succeeds()


def test_every_fault_that_passes_in_one_run(mirrored, web):
    web.faults = [
        web.status(500),
        web.fault(end=100_000),
        web.status(302, Location="/elsewhere"),
        web.fault(end=200_000, stall=True),
        web.status(429),
        web.status(416),
        web.fault(end=100_000),
        web.raw(b"rubbish"),
    ]
    web.files["/elsewhere"] = web.files[f"/{ARCHIVE}"]
    shown = mirrored.succeeds(patience={**mirrored.settings["patience"], "attempts": 6})
    assert shown.count("trying again") == 7
    assert web.requests[-1][1]["Range"].startswith("bytes=")


def test_evil_archive_is_refused_and_nothing_of_it_is_run(mirrored, web, members, tmp_path):
    trace = tmp_path / "trace"
    evil = {**members, "data_batch_3": dump(Evil(trace))}
    web.files[f"/{ARCHIVE}"], right = (
        pack(tmp_path / "evil.tar.gz", evil).read_bytes(),
        web.files[f"/{ARCHIVE}"],
    )
    assert "holds a data_batch_3 whose MD5 sum is" in mirrored.fails()
    assert not trace.exists()
    assert mirrored.kept() == []
    web.files[f"/{ARCHIVE}"] = right
    mirrored.succeeds()


@pytest.mark.parametrize("name", ["../data_batch_1", "../../../escaped", "/tmp/escaped"])
def test_member_that_escapes_its_folder(name, mirrored, web, members, good, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    packed = pack(tmp_path / "x" / "c.tar.gz", {**members, name: b"?"}, folder=f"{FOLDER}/")
    if name.startswith("/"):
        packed = pack(tmp_path / "x" / "c.tar.gz", {name: b"?", **members}, folder="")
    web.files[f"/{ARCHIVE}"] = packed.read_bytes()
    packed.unlink()
    packed.parent.rmdir()
    assert "a file outside of its folder" in mirrored.fails()
    made = {path for path in tmp_path.rglob("*") if path not in before and ".dvc" not in str(path)}
    assert made <= {mirrored.folder / "data", mirrored.folder / "data" / "archive"}
    web.files[f"/{ARCHIVE}"] = good
    mirrored.succeeds()


def test_links_in_the_archive_lead_nowhere(mirrored, web, members, good, tmp_path):
    (tmp_path / "outside").write_bytes(members["test_batch"])
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            link = {"type": tarfile.SYMTYPE, "linkname": f"{tmp_path}/outside"}
            last = name == "test_batch"
            add(archive, f"{FOLDER}/{name}", b"" if last else content, **(link if last else {}))
    web.files[f"/{ARCHIVE}"] = (tmp_path / "c.tar.gz").read_bytes()
    assert "has no file test_batch" in mirrored.fails()
    web.files[f"/{ARCHIVE}"] = good
    mirrored.succeeds()


def test_ctrl_c_keeps_the_part(mirrored, web):
    web.faults = [web.fault(end=200_000, stall=True)]
    process = mirrored.start()
    mirrored.wait_for_part(150_000)
    process.send_signal(signal.SIGINT)
    shown = process.communicate(timeout=30)[1]
    assert process.returncode == 130, shown
    assert "Traceback" not in shown
    assert not (mirrored.folder / "data" / "dataset").exists()
    assert mirrored.kept() == ["part", "part.json"]
    mirrored.succeeds()
    assert web.requests[-1][1]["Range"].startswith("bytes=")


def test_two_at_once(mirrored, web):
    """The second one ends in a sentence and does not touch the first one's part."""
    web.faults = [web.fault(end=200_000, wait=True)]
    first = mirrored.start(patience={**mirrored.settings["patience"], "read": 30.0})
    mirrored.wait_for_part(150_000)
    assert "Another process is running download" in mirrored.fails()
    web.go_on.set()
    first.communicate(timeout=30)
    assert first.returncode == 0
    assert mirrored.kept() == ["gz"]
    mirrored.succeeds()
    assert len(web.requests) == 1


def run_on_terminal(stage) -> tuple[int, str]:
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    process = stage.start(stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux tells that the other side has closed
        while more := os.read(master, 4096):
            shown += more
    os.close(master)
    process.communicate(timeout=30)
    return process.returncode, shown.decode()


@pytest.mark.parametrize("fault", ["cut in the middle", "a page", "404"])
def test_on_a_terminal_the_sentence_has_a_line_of_its_own(fault, mirrored, web, good):
    make, _ = FAULTS[fault]
    web.faults = [make(web, good)] * OFTEN
    code, shown = run_on_terminal(mirrored)
    assert code == 2
    lines = shown.replace("\r\n", "\n").split("\n")
    assert [line for line in lines if "error: " in line] == [lines[-2]]
    assert lines[-2].startswith("error: ")
    assert lines[-1] == ""
    assert fault == "404" or "B/s]" in shown  # so there was a bar
