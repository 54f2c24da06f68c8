"""Stops a stage cleanly on Ctrl-C, on SIGTERM, and when the DVC process that started it ends.

The other processes of a stage stop in the same way.
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
STOP_TIMEOUT = 10.0  # seconds to stop cleanly before the process is ended


class Stopped(BaseException):
    """Reports a signal. It is not a KeyboardInterrupt, which Lightning turns into exit code 1.

    Attributes:
        code: exit code, 128 plus the number of the signal, as in a shell.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.code = 128 + signum


@contextmanager
def stoppable() -> Iterator[None]:
    """Raises `Stopped` in the block on SIGINT, on SIGTERM, and when DVC ends.

    A signal that was ignored before stays ignored, such as Ctrl-C in a shell's background job.
    After the first signal, SIGINT is ignored and SIGTERM ends the process at once.
    """
    owner = os.getpid()
    received: list[int] = []

    def stop(signum: int, _: FrameType | None) -> None:
        if os.getpid() == owner and not received:
            received.append(signum)
            raise Stopped(signum)
        if signum == signal.SIGTERM:  # the second signal, or a signal to a worker
            os._exit(128 + signum)

    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    for signum, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(signum, stop)
    finished = threading.Event()
    if "DVC_STAGE" in os.environ or supervised():  # without DVC, a stage may outlive its shell
        arguments = _outermost_process(), finished
        threading.Thread(target=_stop_when_parent_ends, args=arguments, daemon=True).start()
    try:
        yield
    except Exception:
        if received:  # some libraries turn the exception into their own
            raise Stopped(received[0]) from None
        raise
    finally:
        finished.set()
        if not received:  # otherwise the process is about to end
            for signum, handler in before.items():
                signal.signal(signum, handler)


def _outermost_process() -> psutil.Process:
    """Returns the process that DVC or our launcher started: this one or a shell around it."""
    process = psutil.Process()
    if not supervised():
        for parent in process.parents():
            if "DVC_STAGE" not in parent.environ():
                break
            process = parent
    return process


def _stop_when_parent_ends(started: psutil.Process, finished: threading.Event) -> None:
    """Stops this process when the parent of `started` has ended.

    When DVC is killed, the stage and a shell between the two would otherwise keep running.
    """
    parent = started.ppid()
    while started.is_running() and started.ppid() == parent:
        if finished.wait(CHECK_INTERVAL):
            return
    os.kill(os.getpid(), signal.SIGTERM)
    if not finished.wait(STOP_TIMEOUT):
        os._exit(128 + signal.SIGTERM)
