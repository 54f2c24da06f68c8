"""Ends a stage cleanly on Ctrl-C, on SIGTERM, and when the DVC that started it is gone.

A stage's further processes, if it has some, end with it in the same way.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psutil

from .distributed import supervised

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CHECK_INTERVAL = 0.5  # seconds
PATIENCE = 10.0  # seconds for a clean end, before an unclean one


class Stopped(BaseException):
    """Asked to stop. No Exception, and no KeyboardInterrupt, which Lightning turns into exit 1.

    Attributes:
        code: the exit code, 128 plus the signal's number as shells have it.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.code = 128 + signum


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block, SIGINT and SIGTERM raise `Stopped`, and so does losing DVC.

    A signal that was ignored stays so: a shell's background job does not want Ctrl-C. Once stopped,
    further Ctrl-C is ignored until the process has ended, and SIGTERM ends it at once.
    """
    owner, stopping = os.getpid(), threading.Event()

    def stop(signum: int, _: FrameType | None) -> None:
        if os.getpid() == owner and not stopping.is_set():
            stopping.set()
            raise Stopped(signum)
        if signum == signal.SIGTERM:  # asked twice; or in a worker, whom Ctrl-C does not concern
            os._exit(128 + signum)

    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    for signum, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(signum, stop)
    over = threading.Event()
    if "DVC_STAGE" in os.environ or supervised():  # a stage started by hand may outlive its shell
        threading.Thread(target=_follow, args=(_last_started(), over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        if not stopping.is_set():  # else the process is about to end, and must end quietly
            for signum, handler in before.items():
                signal.signal(signum, handler)


def _last_started() -> psutil.Process:
    """This process, or the shell around it: the one that DVC, or our launcher, started."""
    process = psutil.Process()
    if not supervised():
        for parent in process.parents():
            if "DVC_STAGE" not in parent.environ():
                break
            process = parent
    return process


def _follow(started: psutil.Process, over: threading.Event) -> None:
    """Stops this process once the parent of `started` is gone.

    A killed DVC leaves its stage running, and so does a shell between the two.
    """
    parent = started.ppid()
    while started.is_running() and started.ppid() == parent:
        if over.wait(CHECK_INTERVAL):
            return
    os.kill(os.getpid(), signal.SIGTERM)
    if not over.wait(PATIENCE):
        os._exit(128 + signal.SIGTERM)
