"""Reads this process's place among the processes of a stage from the launcher's environment.

The launcher is `torchrun` or training/launch.py, which uses the same engine. It gives each process
a RANK (the process with rank 0 writes the files) and a file in which to report a failure.
"""

import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .files import write_json

RUN_ID = "cifarlens"  # set by training/launch.py for its processes


def launched() -> bool:
    """Returns whether a launcher started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def supervised() -> bool:
    """Returns whether a stage started this process, and so locks, prints and logs for it."""
    return os.environ.get("TORCHELASTIC_RUN_ID") == RUN_ID


def rank() -> int:
    """Returns the rank over all machines, from 0; 0 for a single process."""
    return int(os.environ["RANK"]) if launched() else 0


def holds_stage_lock() -> bool:
    """Returns whether this process holds the stage's lock; exactly one on all machines does."""
    return not supervised() and rank() == 0 and os.environ.get("NODE_RANK", "0") == "0"


def report_failure(message: str) -> bool:
    """Writes the reason for a failure to the launcher's file; returns whether that succeeded."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if not path:
        return False
    try:
        write_json(Path(path), {"message": message, "timestamp": time.time()})
    except OSError:
        return False
    return True


@contextmanager
def exit_at_once_on_failure() -> Iterator[None]:
    """Ends a launched process without Python's cleanup if the block fails.

    The cleanup would wait for the other processes, which in turn wait for this one.
    """
    try:
        yield
    except BaseException as error:
        if not launched():
            raise
        code = error.code if isinstance(error, SystemExit) else 1
        if not isinstance(error, SystemExit):
            traceback.print_exc()
        for child in multiprocessing.active_children():
            child.terminate()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
