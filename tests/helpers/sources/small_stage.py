"""Runs the download stage on small archives, in trouble if wanted; a process of its own.

All that runs is the real stage. What SMALL_STAGE (JSON) may set:
    md5s: sums of the small members, in place of the published ones.
    pauses, timeout: of `fetch`.
    url: in place of the official address.
    grace: seconds to wait for another run of the stage.
    user: to become.
    file_size: bytes a file may have.
    cut: be killed by the system in the middle of the write that goes beyond `file_size`.
    kill_everywhere: run once for every file operation and be killed before it, each time in the
        folder `kill-NUMBER`, a copy of the folder `start`, and then run undisturbed in a copy of
        that, `again-NUMBER`; prints the number of runs.
"""

import importlib
import itertools
import json
import os
import resource
import shutil
import signal
import sys
from typing import Any

import stages.download
from cifarlens.runtime import stage
from cifarlens.sources import cifar10, fetch

# Moments between which nothing changes on disk, and the beginning of unpickling.
WATCHED = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "pickle.find_class")


def kill_at(moment: int) -> None:
    """SIGKILL before the file operation with this number."""
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in WATCHED:
            return
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def kill_everywhere() -> int:
    for moment in itertools.count(1):
        shutil.copytree("start", f"kill-{moment}")
        status = run_in(f"kill-{moment}", moment)
        shutil.copytree(f"kill-{moment}", f"again-{moment}")
        assert run_in(f"again-{moment}") == 0
        if status != -signal.SIGKILL:
            assert status == 0
            return moment
    raise AssertionError


def run_in(folder: str, moment: int | None = None) -> int:
    """Exit code of the stage as a process of its own in a folder, perhaps killed at a moment."""
    if not (child := os.fork()):
        os.chdir(folder)
        if moment:
            kill_at(moment)
        stage.run_stage(stages.download.main)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    settings = json.loads(os.environ["SMALL_STAGE"])
    cifar10.MD5S.update(settings["md5s"])
    cifar10.URL = settings.get("url", cifar10.URL)
    fetch.PAUSES, fetch.TIMEOUT = tuple(settings["pauses"]), tuple(settings["timeout"])
    stage.GRACE = settings.get("grace", 0.5)
    if "file_size" in settings:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (settings["file_size"], resource.RLIM_INFINITY))
    if settings.get("cut"):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if "user" in settings:
        for late in ("gzip", "lzma"):  # tarfile's: the user may not read where Python lies
            importlib.import_module(late)
        os.setgroups([])
        os.setgid(settings["user"])
        os.setuid(settings["user"])
    if settings.get("kill_everywhere"):
        print(kill_everywhere())
    else:
        stage.run_stage(stages.download.main)


if __name__ == "__main__":
    sys.argv = ["download.py"]
    main()
