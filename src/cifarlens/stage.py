"""How every stage script runs: a user's mistake becomes one sentence and exit code 2."""

import errno
import os
import sys
from collections.abc import Callable

from .errors import UserError


def run_stage(main: Callable[[], None], *user_errors: type[Exception]) -> None:
    """Runs a stage and ends the process with its exit code.

    Args:
        main: the stage.
        user_errors: further exception types whose message is a sentence for the user.

    Exit codes: 0 done, 2 a user's mistake, 130 stopped with Ctrl-C. Anything else is a defect of
    ours and keeps its traceback.
    """
    expected: tuple[type[Exception], ...] = (UserError, *user_errors)
    try:
        main()
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
        case errno.ENOENT:
            return f"{where} is missing: `dvc repro` makes it, or `dvc checkout` brings it back."
        case _:
            return None
