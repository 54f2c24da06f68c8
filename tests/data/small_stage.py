"""Runs the download stage on small archives, in trouble if wanted; a process of its own.

All that runs is the real stage. What SMALL_STAGE (JSON) may set:
    md5s: sums of the small members, in place of the published ones.
    patience: of `fetch.Patience`.
    url: in place of the official address.
    grace: seconds to wait for another run of the stage.
    user: to become.
    file_size: bytes a file may have.
    cut: be killed by the system in the middle of the write that goes beyond `file_size`.
    kill: at which file operation, counted from 1, to be killed.
"""

import json
import os
import resource
import signal
import sys
from typing import Any

import stages.download
from cifarlens import stage
from cifarlens.data import cifar10, fetch

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


def main() -> None:
    settings = json.loads(os.environ["SMALL_STAGE"])
    cifar10.MD5S.update(settings["md5s"])
    cifar10.URL = settings.get("url", cifar10.URL)
    for name, value in settings["patience"].items():
        object.__setattr__(fetch.PATIENCE, name, value)
    stage.GRACE = settings.get("grace", 0.5)
    if "file_size" in settings:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (settings["file_size"], resource.RLIM_INFINITY))
    if settings.get("cut"):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if "user" in settings:
        os.setgroups([])
        os.setgid(settings["user"])
        os.setuid(settings["user"])
    if "kill" in settings:
        kill_at(settings["kill"])
    stage.run_stage(stages.download.main)


if __name__ == "__main__":
    sys.argv = ["download.py"]
    main()
