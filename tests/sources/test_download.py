"""The download stage as a process, with a server that fails: an error message, then success."""

import contextlib
import fcntl
import gzip
import os
import pty
import signal
import struct
import termios
from multiprocessing.connection import Connection

import pytest
from archive_making import PROCESSES, finish

from cifarlens.runtime.paths import PARAMS
from cifarlens.sources.cifar10 import ARCHIVE

PATH = f"/{ARCHIVE.name}"
DAMAGED = f"{ARCHIVE} is not a .tar.gz or .tar.xz archive, or is truncated or damaged; set"
PAGE = b"<!doctype html><title>Please log in</title>"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda archive: archive[:-1000], DAMAGED),
        (lambda _: PAGE, DAMAGED),
        (
            lambda _: gzip.compress(bytes(10240)),
            f"{ARCHIVE} is not CIFAR-10: it has no file data_batch_1; set",
        ),
    ],
    ids=["truncated", "web page", "another archive"],
)
def test_a_wrong_archive_is_downloaded_again_by_the_next_run(
    damage, message, web_stage, web, archive
):
    web.files[PATH] = damage(archive)
    assert message in web_stage.fails()
    web.files[PATH] = archive
    assert "Downloading it again." in web_stage.succeeds()


@pytest.mark.parametrize(("source", "notes"), [("/somewhere", 1), (" ", 0)])
def test_digits_report_that_a_source_of_cifar10_is_unused(source, notes, stage):
    params = stage.folder / PARAMS
    params.write_text(params.read_text().replace("source: cifar10", "source: digits"))
    stage.source = source
    note = "note: CIFAR10_SOURCE is set but unused, because data.source is digits.\n"
    assert stage.run() == (0, note * notes)


def test_ctrl_c_keeps_the_partial_download(web_stage, web):
    web.faults = [web.fault(end=200_000, stall=True)]
    reader, writer = PROCESSES.Pipe(duplex=False)
    process = web_stage.start(writer, timeout=(2, 30))
    web_stage.wait_for_part(150_000)
    os.kill(process.pid, signal.SIGINT)
    code, stderr = finish(process, reader)
    assert code == 130, stderr
    assert "Traceback" not in stderr
    assert not (web_stage.folder / "data" / "dataset").exists()
    assert web_stage.archive_files() == ["part", "version"]
    web_stage.succeeds()
    assert web.ranges()[-1].startswith("bytes=")


def test_on_a_terminal_the_error_follows_the_progress_bar_on_its_own_line(web_stage, web):
    web.files[PATH] = PAGE
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    process = web_stage.start(Connection(terminal, readable=False))
    output = b""
    with contextlib.suppress(OSError):  # Linux raises it when the other side is closed
        while received := os.read(master, 4096):
            output += received
    os.close(master)
    process.join()
    assert process.exitcode == 2
    lines = output.decode().replace("\r\n", "\n").split("\n")
    assert [line for line in lines if "error: " in line] == [lines[-2]]
    assert lines[-2].startswith("error: ")
    assert lines[-1] == ""
    assert b"B/s]" in output
