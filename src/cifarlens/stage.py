"""How every stage script runs: a user's mistake becomes one sentence and exit code 2.

Time and machine of a finished stage go to a log that is no stage's output: they vary.
"""

import errno
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .errors import UserError
from .files import append_json_line
from .paths import RUN_LOG


def run_stage(main: Callable[[], None], *user_errors: type[Exception]) -> None:
    """Runs a stage and ends the process with its exit code.

    Args:
        main: the stage.
        user_errors: further exception types whose message is a sentence for the user.

    Exit codes: 0 done, 2 a user's mistake, 130 stopped with Ctrl-C. Anything else is a defect of
    ours and keeps its traceback.
    """
    expected: tuple[type[Exception], ...] = (UserError, *user_errors)
    start = time.perf_counter()
    try:
        main()
        _log(Path(sys.argv[0]).stem, time.perf_counter() - start)
    except expected as error:
        _stop(str(error))
    except OSError as error:
        sentence = _describe(error)
        if sentence is None:
            raise
        _stop(sentence)
    except KeyboardInterrupt:
        print("\nStopped. Run `dvc repro` again to go on.", file=sys.stderr)
        sys.exit(130)


def _log(stage: str, seconds: float) -> None:
    """Says how long the stage took, and keeps it with what it ran on."""
    print(f"{stage}: {seconds:.1f} s")
    machine = {"python": platform.python_version(), "platform": platform.platform()}
    torch = sys.modules.get("torch")  # a stage that does not compute has no device
    if torch is not None:
        machine["torch"] = torch.__version__
        machine["device"] = "cpu"
        if torch.cuda.is_initialized():
            machine["device"] = torch.cuda.get_device_name()
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))
    entry = {"stage": stage, "started": started, "seconds": round(seconds, 1), **machine}
    with suppress(OSError):  # the results are there; a log that cannot be kept changes nothing
        append_json_line(RUN_LOG, {**entry, "cores": os.cpu_count()})


def _stop(sentence: str) -> None:
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
        case errno.EEXIST | errno.ENOTDIR | errno.EISDIR:
            return (
                f"{where} is a file where a folder belongs, or a folder for a file: move it away."
            )
        case errno.ENOENT:
            return f"{where} is missing: `dvc repro` makes it, or `dvc checkout` brings it back."
        case _:
            return None
