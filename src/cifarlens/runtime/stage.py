"""Runs a stage script. Errors that the user can fix become one line and exit code 2.

The time and machine of a finished stage go to a log. It is not an output, because they vary.
"""

import errno
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from . import distributed
from .errors import UserError
from .files import append_json_line
from .paths import LOCKS, RUN_LOG
from .signals import Stopped, stoppable

LOCK_TIMEOUT = 10.0  # seconds, long enough for the processes of a killed stage to end


def run_stage(
    main: Callable[[], None],
    *user_errors: type[Exception],
    launch: Callable[[], bool] = lambda: False,
) -> None:
    """Runs a stage; exits with its exit code unless it succeeds.

    Args:
        main: computes the stage.
        user_errors: further exception types whose message is one line for the user.
        launch: starts several processes that each call `run_stage`, and waits for them. Returns
            false if this process runs `main` itself.

    Exit codes: 0 done, 2 an error that the user can fix, 130 stopped by Ctrl-C, 143 stopped by
    SIGTERM or because DVC ended. Any other error is a bug and keeps its traceback.
    """
    with distributed.exit_at_once_on_failure():
        _run(main, (UserError, *user_errors), launch)


def _run(
    main: Callable[[], None], user_errors: tuple[type[Exception], ...], launch: Callable[[], bool]
) -> None:
    name = Path(sys.argv[0]).stem
    start = time.perf_counter()
    lock = _stage_lock(name) if distributed.holds_stage_lock() else nullcontext()
    try:
        with stoppable(), lock:
            launched = launch()
            if not launched:
                main()
        if not launched and not distributed.rank():
            _log(name, time.perf_counter() - start)
    except user_errors as error:
        _fail(str(error))
    except OSError as error:
        message = _describe(error)
        if message is None:
            raise
        _fail(message)
    except Stopped as stopped:
        if not distributed.launched():
            with suppress(OSError):  # the terminal may be closed
                message = "\nStopped. Run the same command again to continue."
                print(message, file=sys.stderr, flush=True)
        sys.exit(stopped.code)


@contextmanager
def _stage_lock(name: str) -> Iterator[None]:
    """Holds the stage's lock in this checkout; the system releases it if the process is killed."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    lock = FileLock(LOCKS / f"{name}.lock")
    try:
        lock.acquire(timeout=LOCK_TIMEOUT, poll_interval=0.1)
    except Timeout:
        raise UserError(
            f"Another process is running {name} in this checkout (`pgrep -f {name}` shows it);"
            " wait for it or stop it, and run again."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _log(stage: str, seconds: float) -> None:
    """Prints the stage's time and device, and appends them to the run log."""
    machine = _machine()
    device = machine.get("device", "cpu")
    where = f"{os.cpu_count()} CPU cores" if device == "cpu" else device
    print(f"{stage}: {seconds:.1f} s ({where})")
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))
    entry = {"stage": stage, "started": started, "seconds": round(seconds, 1), **machine}
    with suppress(OSError):  # the results are complete without the log
        append_json_line(RUN_LOG, {**entry, "cores": os.cpu_count()})


def _machine() -> dict[str, str]:
    machine = {"python": platform.python_version(), "platform": platform.platform()}
    torch = sys.modules.get("torch")  # not every stage imports it
    if torch is not None:
        machine["torch"] = torch.__version__
        machine["device"] = "cpu"
        if torch.cuda.is_initialized():
            machine["device"] = torch.cuda.get_device_name()
    return machine


def _fail(message: str) -> None:
    if not (distributed.report_failure(message) and distributed.supervised()):
        print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _describe(error: OSError) -> str | None:
    """Returns the message for an error of the file system, None for any other error."""
    where = os.fsdecode(error.filename) if error.filename else "the output folder"
    reason = os.strerror(error.errno or 0).lower()
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"The disk is full while writing {where}; free some space and run again."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return (
                f"{where} cannot be read or written ({reason}); change its owner or mode and run"
                " again."
            )
        case errno.EFBIG:
            return (
                f"{where} is larger than the file system or `ulimit -f` allows; "
                "use another disk or raise the limit, and run again."
            )
        case errno.EIO | errno.EBUSY | errno.ELOOP | errno.ENAMETOOLONG | errno.ESTALE:
            return f"Cannot use {where} ({reason}); fix or move it and run again."
        case errno.EEXIST | errno.ENOTDIR | errno.EISDIR:
            path = Path(where)
            existing = next((p for p in (path, *path.parents) if os.path.lexists(p)), path)
            kinds = ("folder", "file") if existing.is_dir() else ("file", "folder")
            return f"{existing} is a {kinds[0]} instead of a {kinds[1]}; move it and run again."
        case errno.ENOENT:
            return (
                f"{where} is missing; run `dvc checkout` to restore it or `dvc repro` to create it."
            )
        case _:
            return None
