"""The download stage as a process against a server that fails: one sentence, then success."""

import contextlib
import fcntl
import gzip
import os
import pty
import signal
import struct
import termios

import pytest
from archive_making import spread

from cifarlens.runtime.paths import PARAMS
from cifarlens.sources.cifar10 import ARCHIVE

OFTEN = 20  # more than any number of attempts
NAME = ARCHIVE.name
PAGE = b"<!doctype html><title>Please log in</title>"
CUT = "the connection was cut; set"
DAMAGED = f"{ARCHIVE} is not a .tar.gz or .tar.xz archive, or is truncated or damaged; set"


def ok(content: bytes, *headers: str) -> bytes:
    """A whole answer, with just these headers."""
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode() + content


def chunk(content: bytes) -> bytes:
    """The same, in chunks of which the last is missing."""
    size = f"{len(content):x}\r\n".encode()
    return ok(size + content + b"\r\n", "Transfer-Encoding: chunked")


# What the server does to every request, and what the sentence says.
FAULTS = {
    "cut in the middle": (lambda web, good: web.fault(end=100_000, ranges=False), CUT),
    "cut before the first byte": (lambda web, good: web.raw(b""), CUT),
    "cut in a chunk": (lambda web, good: web.raw(chunk(good)), CUT),
    "shorter than declared": (
        lambda web, good: web.raw(ok(good, f"Content-Length: {len(good) + 1}")),
        CUT,
    ),
    "cut where no length was declared": (lambda web, good: web.raw(ok(good[:-1000])), DAMAGED),
    "503": (lambda web, good: web.status(503), "the server answers 503 Service Unavailable; set"),
    "404": (lambda web, good: web.status(404), "the server answers 404 Not Found; set"),
    "a status with terminal codes": (
        lambda web, good: web.raw(b"HTTP/1.1 404 \x1b[2J" + b"x" * 999 + b"\r\n\r\n"),
        "the server answers 404 ?[2Jxxx",
    ),
    "no answer in time": (lambda web, good: web.silence, "no answer in time; set"),
    "a stall in the middle": (
        lambda web, good: web.fault(end=100_000, ranges=False, stall=True),
        "no answer in time; set",
    ),
    "no HTTP": (lambda web, good: web.raw(b"220 mail server ready\r\n" * 9), CUT),
    "a page": (lambda web, good: web.raw(ok(PAGE, "Content-Type: text/html")), DAMAGED),
    "another archive": (
        lambda web, good: web.raw(ok(gzip.compress(bytes(10240)))),
        f"{ARCHIVE} is not CIFAR-10: it has no file data_batch_1; set",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_failing_server(fault, mirrored, web, good):
    """A wrong archive is fetched anew by the next run."""
    make, sentence = FAULTS[fault]
    web.faults = [make(web, good)] * OFTEN
    said = mirrored.fails()
    assert sentence in said
    assert "CIFAR10_SOURCE" in said
    assert f"{web.url}/{NAME}" in said or "gz" in mirrored.kept()
    web.faults = []
    assert ("Fetching it anew." in mirrored.succeeds()) == ("gz" in sentence)


def test_official_address(mirrored, web):
    """Its archive is kept, and not fetched again."""
    mirrored.source = ""
    for _ in range(2):
        mirrored.succeeds(url=f"{web.url}/{NAME}")
    assert len(web.requests) == 1


def test_every_fault_that_passes_in_one_run(mirrored, web):
    web.faults = [
        web.status(500),
        web.fault(end=100_000),
        web.status(302, Location="/elsewhere"),
        web.fault(end=200_000, stall=True),
        web.status(429),
        web.raw(b"rubbish"),
    ]
    web.files["/elsewhere"] = web.files[f"/{NAME}"]
    shown = mirrored.succeeds(pauses=[0.01] * 5)
    assert shown.count("trying again") == 5
    assert web.requests[-1][1]["Range"].startswith("bytes=")


@pytest.mark.parametrize("source", ["nowhere", "members", "ftp://host/c.tar.gz"])
def test_source_that_is_wrong(source, stage, members):
    """Among them the small members, while the published sums hold."""
    spread(stage.folder / "members", members)
    stage.source = source
    stage.fails(md5s={})


@pytest.mark.parametrize(("source", "notes"), [("/somewhere", 1), (" ", 0), ("", 0)])
def test_digits_say_that_a_source_of_cifar10_is_not_used(source, notes, stage):
    params = stage.folder / PARAMS
    params.write_text(params.read_text().replace("source: cifar10", "source: digits"))
    stage.source = source
    code, shown = stage.run()
    assert code == 0
    note = "note: CIFAR10_SOURCE is set, but not used: data.source is digits.\n"
    assert shown == note * notes


def test_ctrl_c_keeps_the_part(mirrored, web):
    web.faults = [web.fault(end=200_000, stall=True)]
    process = mirrored.start()
    mirrored.wait_for_part(150_000)
    process.send_signal(signal.SIGINT)
    shown = process.communicate(timeout=30)[1]
    assert process.returncode == 130, shown
    assert "Traceback" not in shown
    assert not (mirrored.folder / "data" / "dataset").exists()
    assert mirrored.kept() == ["part", "version"]
    mirrored.succeeds()
    assert web.requests[-1][1]["Range"].startswith("bytes=")


def test_two_at_once(mirrored, web):
    """The second one ends in a sentence and does not touch the first one's part."""
    web.faults = [web.fault(end=200_000, wait=True)]
    first = mirrored.start(timeout=[2, 30])
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
