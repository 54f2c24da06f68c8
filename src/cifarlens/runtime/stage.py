"""How every stage script runs: a user's mistake becomes one sentence and exit code 2.

Time and machine of a finished stage go to a log that is no stage's output: they vary.
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

from . import distributed as processes
from .errors import UserError
from .files import append_json_line
from .paths import LOCKS, RUN_LOG
from .signals import Stopped, stoppable

GRACE = 10.0  # seconds after which a killed stage's last processes have gone too


def run_stage(
    main: Callable[[], None],
    *user_errors: type[Exception],
    launch: Callable[[], bool] = lambda: False,
) -> None:
    """Runs a stage and ends the process with its exit code.

    Args:
        main: the stage.
        user_errors: further exception types whose message is a sentence for the user.
        launch: has `main` run by several processes, each of which comes here too, and waits for
            them; false if there is no need, or if this is one of them.

    Exit codes: 0 done, 2 a user's mistake, 130 stopped with Ctrl-C, 143 with SIGTERM (or because
    the DVC that started it is gone). Anything else is a defect of ours and keeps its traceback.
    """
    with processes.ending_at_once():
        _run(main, (UserError, *user_errors), launch)


def _run(
    main: Callable[[], None], expected: tuple[type[Exception], ...], launch: Callable[[], bool]
) -> None:
    name = Path(sys.argv[0]).stem
    start = time.perf_counter()
    alone = _alone(name) if processes.holds_stage_lock() else nullcontext()
    try:
        with stoppable(), alone:
            elsewhere = launch()
            if not elsewhere:
                main()
        if not elsewhere and not processes.rank():
            _log(name, time.perf_counter() - start)
    except expected as error:
        _stop(str(error))
    except OSError as error:
        sentence = _describe(error)
        if sentence is None:
            raise
        _stop(sentence)
    except Stopped as stopped:
        if not processes.launched():
            with suppress(OSError):  # the terminal may be gone
                print("\nStopped. Run `dvc repro` again to go on.", file=sys.stderr, flush=True)
        sys.exit(stopped.code)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Holds the stage's lock in this checkout; the system frees it if the process is killed."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    lock = FileLock(LOCKS / f"{name}.lock")
    try:
        lock.acquire(timeout=GRACE, poll_interval=0.1)
    except Timeout:
        raise UserError(
            f"Another process is running {name} in this checkout (`pgrep -f {name}` shows it):"
            " wait for it, or stop it, and run again."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _log(stage: str, seconds: float) -> None:
    """Says how long the stage took and on what, and keeps both."""
    machine = _machine()
    device = machine.get("device", "cpu")
    where = f"{os.cpu_count()} CPU cores" if device == "cpu" else device
    print(f"{stage}: {seconds:.1f} s ({where})")
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))
    entry = {"stage": stage, "started": started, "seconds": round(seconds, 1), **machine}
    with suppress(OSError):  # the results are there; a log that cannot be kept changes nothing
        append_json_line(RUN_LOG, {**entry, "cores": os.cpu_count()})


def _machine() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    torch = sys.modules.get("torch")  # stats needs none
    if torch is not None:
        found["torch"] = torch.__version__
        found["device"] = "cpu"
        if torch.cuda.is_initialized():
            found["device"] = torch.cuda.get_device_name()
    return found


def _stop(sentence: str) -> None:
    if not (processes.report_failure(sentence) and processes.supervised()):
        print(f"error: {sentence}", file=sys.stderr)
    sys.exit(2)


def _describe(error: OSError) -> str | None:
    """The sentence for a failing file system, None for anything else."""
    where = os.fsdecode(error.filename) if error.filename else "the output folder"
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"The disk is full while writing {where}: free some space and run again."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"No permission to use {where}: change its owner or mode and run again."
        case errno.EFBIG:
            return (
                f"{where} grows larger than the file system or `ulimit -f` allows: "
                "use another disk or raise the limit, and run again."
            )
        case errno.EIO | errno.EBUSY | errno.ELOOP | errno.ENAMETOOLONG | errno.ESTALE:
            return f"{where} cannot be used ({os.strerror(error.errno).lower()}): move or mend it."
        case errno.EEXIST | errno.ENOTDIR | errno.EISDIR:
            path = Path(where)
            there = next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
            return (
                f"{there} is a file where a folder belongs, or a folder for a file: move it away."
            )
        case errno.ENOENT:
            return f"{where} is missing: `dvc repro` makes it, or `dvc checkout` brings it back."
        case _:
            return None
