"""Records every file that a stage opens. Python runs this at start if it is on PYTHONPATH."""

import atexit
import json
import os
import sys

TARGET = os.environ.get("TRACE_FOLDER")
STAGE = sys.orig_argv[-1]


def install(folder):
    root = os.getcwd() + os.sep
    owner = os.getpid()
    opened = {"read": set(), "written": set()}

    def note(event, arguments):
        if event == "os.rename":  # a temporary file that replaces the output
            path = os.path.abspath(os.fsdecode(arguments[1]))
            kind = "written"
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            writes = (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            kind = "written" if writes else "read"
        else:
            return
        if path.startswith(root):
            opened[kind].add(path[len(root) :])

    def save():
        if os.getpid() == owner:  # not in worker processes
            record = {kind: sorted(paths) for kind, paths in opened.items()}
            with open(os.path.join(folder, f"{STAGE}.json"), "w") as stream:
                json.dump(record, stream)

    sys.addaudithook(note)
    atexit.register(save)


if TARGET and STAGE.startswith("stages."):
    install(TARGET)
