"""Runs `make pretrained`: report and Space of the released weights, without training."""

from pathlib import Path

from ..demo import print_results, run_dvc
from ..runtime.errors import UserError
from ..runtime.stage import run_stage
from .fetch import changed_inputs, fetch_release

MADE = ("download", "stats", "gradcam_report", "package_space")


def main() -> None:
    fetch_release()
    if run_dvc("repro", "--single-item", *MADE):  # only these: nothing trains, whatever changed
        raise UserError("Stopped. Fix the error above and run `make pretrained` again to continue.")
    print_results(Path(), "make space")
    print(
        "\nNothing was trained or evaluated; `make verify` evaluates the weights on this machine."
    )
    if changed := changed_inputs()[0]:
        print(
            f"{', '.join(changed)} differ from the released run, in code or in last bits, so"
            " `dvc repro` would train."
        )


if __name__ == "__main__":
    run_stage(main)
