"""Puts the released files in place: weights, model card and test logits.

The DVC remote `release` is a folder of the repository, so this needs no network. The files are
those of the run that dvc.lock records.
"""

import json
import subprocess
import sys

from ..classifier.bundle import CONFIG, WEIGHTS
from ..demo import run_dvc
from ..runtime import paths
from ..runtime.errors import UserError

REMOTE = "release"
FILES = (paths.MODEL / WEIGHTS, paths.MODEL / CONFIG, paths.MODEL_CARD, paths.TEST_LOGITS)
STAGES = ("download", "stats", "lr_find", "train", "evaluate")  # that made the files


def fetch_release() -> None:
    """Puts the released files in place.

    Raises:
        UserError: parameters differ from those of the released run, or the files cannot be put in
            place.
    """
    if changed := changed_inputs()[1]:
        raise UserError(
            f"{paths.PARAMS}: the released weights belong to other values of"
            f" {', '.join(changed)}; run `git checkout {paths.PARAMS}` to use the weights, or"
            " `make repro` to train with your values."
        )
    if run_dvc("pull", "--quiet", "--remote", REMOTE, *map(str, FILES)):
        raise UserError(
            f"The files in {REMOTE}/ cannot be put in place, see above: run `git checkout dvc.lock`"
            f" if you changed it, and move files of your own out of {paths.MODEL}/."
        )


def changed_inputs() -> tuple[list[str], list[str]]:
    """Returns the files and the parameters that differ from those of the run in dvc.lock.

    Files that are not there do not count.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json", *STAGES]
    status = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    files, params = set(), set()
    for change in (change for changes in status.values() for change in changes):
        inputs = change.get("changed deps", {})
        params |= inputs.pop(str(paths.PARAMS), {}).keys()
        files |= {path for path, state in inputs.items() if state == "modified"}
    return sorted(files), sorted(params)
