"""Runs `make pretrained`: report and Space of the released weights, without training."""

from pathlib import Path

from ..demo import print_results, run_dvc
from ..runtime.errors import UserError
from ..runtime.stage import run_stage
from .fetch import fetch_release, read_status

MADE = ("download", "stats", "gradcam_report", "package_space")


def main() -> None:
    fetch_release()
    if run_dvc("repro", "--single-item", *MADE):  # only these, so nothing trains
        raise UserError("Stopped. Fix the error above and run `make pretrained` again to continue.")
    print_results(Path(), "make space")
    print("\nNothing was trained or evaluated. `make verify` evaluates the weights here.")
    if stale := read_status("lr_find", "train", "evaluate"):
        print(
            f"`dvc repro` would run {', '.join(stale)}, since code or data are not those of the"
            " released run, perhaps only in their last bits: `dvc status` names them."
        )


if __name__ == "__main__":
    run_stage(main)
