"""Runs a stage script. Errors that the user can fix become one line and exit code 2.

The time and machine of a finished stage go to a log. It is not an output, because they vary.
"""

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from . import distributed
from .errors import UserError, describe_file_error
from .files import append_json_line
from .output import tolerate_output_errors
from .paths import LOCKS, PARAMS, RUN_LOG
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
    tolerate_output_errors()
    name = Path(sys.argv[0]).stem
    start = time.perf_counter()
    lock = _stage_lock(name) if distributed.holds_stage_lock() else nullcontext()
    try:
        _check_folder(Path(sys.argv[0]).absolute())
        _show_experiment_to_git()
        with stoppable(), lock:
            launched = launch()
            if not launched:
                main()
        if not launched and not distributed.rank():
            _log(name, time.perf_counter() - start)
    except user_errors as error:
        _fail(str(error))
    except OSError as error:
        message = describe_file_error(error)
        if message is None:
            raise
        _fail(message)
    except Stopped as stopped:
        if not distributed.launched():
            print("\nStopped. Run the same command again to continue.", file=sys.stderr)
        sys.exit(stopped.code)


def _check_folder(script: Path) -> None:
    """Raises UserError unless `python -m stages.NAME` runs in a project's root.

    A script run by its path would import an installed version of the code.
    """
    if script.parent.name != "stages" or not script.exists():  # `make demo`
        return
    if "stages" not in sys.modules or not PARAMS.exists():
        raise UserError(
            f"Stages run in their project's root, by module: `cd {script.parents[1].resolve()}`,"
            f" then `python -m stages.{script.stem}`."
        )


def _in_experiment() -> bool:
    """Returns whether `dvc exp run` has changed params.yaml in this checkout."""
    root = os.environ.get("DVC_ROOT", "")
    return "DVC_EXP_NAME" in os.environ and Path(root).samefile(".")


def _show_experiment_to_git() -> None:
    """Makes git compare the content of params.yaml, by a changed time.

    DVC writes git's index and then the values of `-S` within a second, so that git does not see a
    change of the same length.
    """
    if _in_experiment():
        with suppress(OSError):
            state = PARAMS.stat()
            os.utime(PARAMS, (state.st_atime, state.st_mtime + 1))


@contextmanager
def _stage_lock(name: str) -> Iterator[None]:
    """Holds the stage's lock in this checkout; the system releases it if the process is killed."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    lock = FileLock(LOCKS / f"{name}.lock", fallback_to_soft=False)  # which a kill would leave
    try:
        lock.acquire(timeout=LOCK_TIMEOUT, poll_interval=0.1)
    except Timeout:
        raise UserError(
            f"Another process is running {name} in this checkout (`pgrep -f {name}` shows it);"
            " wait for it or stop it, and run again."
        ) from None
    except OSError as error:
        if error.filename is not None:  # the file cannot be opened
            raise
        print(
            f"note: the file system gives no lock ({error.strerror}); do not start {name} twice at"
            " a time in this checkout.",
            file=sys.stderr,
        )
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
        undo = f" `git checkout {PARAMS}` undoes -S." if _in_experiment() else ""
        print(f"error: {message}{undo}", file=sys.stderr)
    sys.exit(2)
