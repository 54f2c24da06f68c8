"""Which of several processes of one stage this is, as torch's launcher says in the environment.

The launcher is `torchrun`, or ours (training/launch.py), which is the same engine. It gives every
process a RANK, 0 for the one that writes files, and a file to say in why it failed.
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

RUN_ID = "cifarlens"  # of the processes that our own launcher starts


def launched() -> bool:
    """Whether this is one of several processes."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def supervised() -> bool:
    """Whether a stage started this process, and prints, locks and keeps the log for it."""
    return os.environ.get("TORCHELASTIC_RUN_ID") == RUN_ID


def rank() -> int:
    """From 0, over all machines; 0 for a process on its own."""
    return int(os.environ["RANK"]) if launched() else 0


def holds_stage_lock() -> bool:
    """Whether this process is to hold the stage's lock: one does, on all machines together."""
    return not supervised() and rank() == 0 and os.environ.get("NODE_RANK", "0") == "0"


def report_failure(sentence: str) -> bool:
    """Leaves the reason of a failure where the launcher looks for it; false if nobody does."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if not path:
        return False
    try:
        write_json(Path(path), {"message": sentence, "timestamp": time.time()})  # its format
    except OSError:
        return False
    return True


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Ends one of several processes without Python's tidying up, should the block not succeed.

    That would wait for the others to finish what they compute together, and they for this one.
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
