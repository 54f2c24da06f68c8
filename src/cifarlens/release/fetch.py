"""Puts the released weights and the logits of the test images in place.

The DVC remote `release` is a folder of the repository, so this needs no network.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ..classifier.bundle import CONFIG, WEIGHTS
from ..demo import run_dvc
from ..params import load_params
from ..runtime import paths
from ..runtime.errors import UserError

RELEASE = Path("release")  # the remote has the name of the folder
FILES = (paths.MODEL / WEIGHTS, paths.MODEL / CONFIG, paths.TEST_LOGITS)
STAGES = ("download", "stats", "lr_find", "train", "evaluate")  # that made the files
BACK = "`git stash` keeps your changes and goes back to the last commit"


def fetch_release() -> None:
    """Puts the released files in place.

    Raises:
        UserError: params.yaml or dvc.lock belong to another run, or DVC fails.
    """
    load_params()  # reports a mistake in params.yaml better than DVC does
    lock = YAML(typ="safe").load(Path("dvc.lock"))
    outs = [out for stage in lock["stages"].values() for out in stage.get("outs", [])]
    md5s = {out["path"]: out["md5"] for out in outs}
    for path in map(str, FILES):
        md5 = md5s.get(path, "")
        if not (RELEASE / "files/md5" / md5[:2] / md5[2:]).is_file():
            raise UserError(
                f"dvc.lock names {path} of another run than that in {RELEASE}/; {BACK}, if that has"
                " the released run."
            )
    if changed := changed_params():
        raise UserError(
            f"{paths.PARAMS}: the weights in {RELEASE}/ belong to other values of"
            f" {', '.join(changed)}; {BACK}, `make repro` trains with your values."
        )
    if run_dvc("pull", "--remote", str(RELEASE), *map(str, FILES)):
        raise UserError(
            f"The files in {RELEASE}/ cannot be put in place, see above: move files of your own out"
            f" of {paths.MODEL}/, or run `git checkout {RELEASE}`."
        )


def changed_params() -> list[str]:
    """Returns the parameters that differ from those of the run in dvc.lock."""
    changes = (change for listed in read_status(*STAGES).values() for change in listed)
    inputs = [each.get("changed deps", {}) for each in changes if isinstance(each, dict)]
    return sorted({key for each in inputs for key in each.get(str(paths.PARAMS), {})})


def read_status(*stages: str) -> dict[str, list[Any]]:
    """Returns what `dvc status` reports, by stage; raises UserError if it fails."""
    command = [sys.executable, "-m", "dvc", "status", "--json", *stages]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if result.returncode:
        raise UserError("`dvc status` failed, see above; fix that and run again.")
    status: dict[str, list[Any]] = json.loads(result.stdout)
    return status
