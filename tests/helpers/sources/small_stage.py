"""Runs the real download stage on small archives, with prepared failures.

Settings:
    md5s: MD5 sums that replace the published ones.
    pauses, timeout: of `fetch`.
    user: user ID that the process takes.
    file_size: maximum size of a file, bytes.
    kill_everywhere: for each file operation, runs the stage in `kill-NUMBER`, a copy of the folder
        `start`, kills it before that operation, and runs it again in a copy, `again-NUMBER`.
"""

import gzip  # noqa: F401  # tarfile imports it too late: `user` may not read Python
import itertools
import lzma  # noqa: F401
import os
import resource
import shutil
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import stages.download
from cifarlens.runtime import stage
from cifarlens.sources import cifar10, fetch

# Nothing changes on disk between two of these events. The last one is the start of unpickling.
EVENTS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "pickle.find_class")


def kill_at(number: int) -> None:
    """Kills this process before the file operation with this number."""
    count = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in EVENTS:
            return
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def kill_everywhere() -> None:
    for number in itertools.count(1):
        shutil.copytree("start", f"kill-{number}")
        status = run_in(f"kill-{number}", number)
        shutil.copytree(f"kill-{number}", f"again-{number}")
        assert run_in(f"again-{number}") == 0
        if status != -signal.SIGKILL:
            assert status == 0
            return


def run_in(folder: str, number: int | None = None) -> int:
    """Runs the stage in a child process, killed at an operation if given; returns its exit code."""
    if not (child := os.fork()):
        os.chdir(folder)
        if number:
            kill_at(number)
        stage.run_stage(stages.download.main)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_process(
    folder: Path, settings: dict[str, Any], environment: dict[str, str], stderr: Connection
) -> None:
    """Runs the stage with these settings; the target of a process of `multiprocessing`."""
    os.dup2(stderr.fileno(), 2)
    stderr.close()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["download.py"]
    cifar10.MD5S.update(settings["md5s"])
    fetch.PAUSES, fetch.TIMEOUT = tuple(settings["pauses"]), tuple(settings["timeout"])
    if "file_size" in settings:
        resource.setrlimit(resource.RLIMIT_FSIZE, (settings["file_size"], resource.RLIM_INFINITY))
    if "user" in settings:
        os.setgroups([])
        os.setgid(settings["user"])
        os.setuid(settings["user"])
    if settings.get("kill_everywhere"):
        kill_everywhere()
    else:
        stage.run_stage(stages.download.main)
