"""`make exact`: kills training and every other stage at random moments, and prints the results.

Each row is its own checkout, which is killed and then runs `dvc repro`. The MD5 of every output
must equal that of an undisturbed checkout.
"""

import argparse
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from killing import (
    Blow,
    Moment,
    after_epoch,
    dvc_alone,
    everything,
    in_stage,
    kill,
    running,
    stage_alone,
    while_writing,
    worker_alone,
)
from project import Project, make_project
from tqdm import tqdm

EPOCHS = 6
CHANGES = {
    "epochs": EPOCHS,
    "peak_epoch": 2,
    "batch_size": 64,
    "model": {"width": 8, "dropout": 0.1},
    "lr_find": {"steps": 80},
    "trainer": {"workers": 2},
}
STAGES = ("download", "stats", "lr_find", "train", "evaluate", "gradcam_report", "package_space")
BLOWS = {
    "SIGKILL, all": everything(signal.SIGKILL),
    "SIGTERM, all": everything(signal.SIGTERM),
    "Ctrl-C": everything(signal.SIGINT),
}
OF_TRAINING = {
    "SIGTERM, DVC alone": dvc_alone(signal.SIGTERM),
    "SIGKILL, DVC alone": dvc_alone(signal.SIGKILL),
    "SIGTERM, training alone": stage_alone(signal.SIGTERM),
    "SIGKILL, training alone": stage_alone(signal.SIGKILL),
    "SIGKILL, one worker": worker_alone(signal.SIGKILL),
}
WIDTHS = (14, 34, 24, 6, 26, 10)


@dataclass(frozen=True)
class Undisturbed:
    """Holds the undisturbed run.

    Attributes:
        before: for each stage, a checkout in which the stages before it have run.
        project: a checkout in which all stages have run.
        seconds: duration of each stage, including its start.
        epoch: duration of one epoch of training, in seconds.
    """

    before: dict[str, Path]
    project: Project
    seconds: dict[str, float]
    epoch: float


@dataclass(frozen=True)
class Case:
    """Describes one kill: stage, moment and signal."""

    stage: str
    when: str
    how: str
    moment: Moment
    blow: Blow


def run_undisturbed(base: Path) -> Undisturbed:
    """Runs the stages one by one and copies the checkout before each."""
    project = make_project(base / "undisturbed", **CHANGES)
    before, seconds, epoch = {}, {}, 0.0
    for stage in tqdm(STAGES, desc="undisturbed", unit="stage"):
        before[stage] = base / f"before_{stage}"
        shutil.copytree(project.folder, before[stage], symlinks=True)
        times: set[int] = set()
        with running(project, "dvc", "repro", stage, log=base / "undisturbed.log") as run:
            in_stage(stage, 0)(run)
            start = time.monotonic()
            while run.process.poll() is None:
                times.update(path.stat().st_mtime_ns for path in run.checkpoints())
                time.sleep(0.005)
            assert run.process.returncode == 0, run.printed()
        seconds[stage] = time.monotonic() - start
        if stage == "train":
            epoch = (max(times) - min(times)) / 1e9 / (EPOCHS - 1)
    return Undisturbed(before, project, seconds, epoch)


def make_cases(times: int, choose: random.Random, undisturbed: Undisturbed) -> list[Case]:
    """Returns SIGKILLs of training at random moments, then each signal to each stage."""
    cases = []
    for index in range(times):
        kind, last, share = index % 5, choose.randrange(EPOCHS), choose.random()
        if kind < 3:
            when = f"{share:.0%} into epoch {last + 1}"
            moment = after_epoch(last, share * undisturbed.epoch)
        elif kind == 3:
            when, moment = f"writing checkpoint {last + 1}", while_writing(last + 1)
        else:
            when = f"{share:.2f} s after the last epoch"
            moment = after_epoch(EPOCHS, share)
        cases.append(Case("train", when, "SIGKILL, all", moment, BLOWS["SIGKILL, all"]))
    for how, blow in (BLOWS | OF_TRAINING).items():
        last, share = choose.randrange(1, EPOCHS), choose.random()
        moment = after_epoch(last, share * undisturbed.epoch)
        cases.append(Case("train", f"{share:.0%} into epoch {last + 1}", how, moment, blow))
    for stage in (stage for stage in STAGES if stage != "train"):
        for how, blow in BLOWS.items():
            share = choose.random()
            moment = in_stage(stage, share * undisturbed.seconds[stage])
            cases.append(Case(stage, f"after {share:.0%} of its time", how, moment, blow))
    return cases


def strike(case: Case, undisturbed: Undisturbed, base: Path) -> tuple[str, ...]:
    """Kills, runs again and compares; returns the row of the case."""
    folder = base / "killed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(undisturbed.before[case.stage], folder, symlinks=True)
    project = Project(folder)
    code, printed = kill(project, case.moment, case.blow, "dvc", "repro", case.stage)
    resumed = ""
    again = project.run("dvc", "repro", case.stage)
    if match := re.search(r"Resuming (after epoch \d+ of \d+)", again):
        resumed = match[1]
    failures = {
        "other bytes": project.outputs()[case.stage] != undisturbed.project.outputs()[case.stage],
        "stale": "up to date" not in project.run("dvc", "status", case.stage),
        "traceback": "Traceback" in printed + again,
    }
    if failures["traceback"]:
        print(printed, again, sep="\n")
    problems = ", ".join(name for name, failed in failures.items() if failed)
    return case.stage, case.when, case.how, str(code), resumed, problems or "yes"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=9, help="further SIGKILLs of training (9)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments (0)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="exact-") as folder:
        base = Path(folder)
        undisturbed = run_undisturbed(base)
        cases = make_cases(arguments.times, random.Random(arguments.seed), undisturbed)
        header = ("stage", "killed", "how", "exit", "resumed", "same bytes")
        failed = 0
        print(line(header), flush=True)
        for case in cases:
            row = strike(case, undisturbed, base)
            failed += row[-1] != "yes"
            print(line(row), flush=True)
    print(f"{len(cases)} kills; {failed} gave other bytes, a traceback or a stale output")
    return 1 if failed else 0


def line(row: tuple[str, ...]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(row, WIDTHS, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
