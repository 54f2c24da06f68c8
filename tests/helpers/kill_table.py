"""`make exact`: kills training and every other stage at random moments, and prints what came of it.

Each row is a checkout of its own: killed, then `dvc repro`. What it made is compared, by the MD5 of
every output, with what a checkout made that nobody disturbed.
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
WIDTHS = (14, 34, 24, 6, 26, 10)


@dataclass(frozen=True)
class Undisturbed:
    """What nobody disturbed.

    Attributes:
        before: for each stage, a checkout in which all stages before it have run.
        whole: a checkout in which all have run.
        seconds: that each stage took, with its start.
        epoch: seconds of one epoch of training.
    """

    before: dict[str, Path]
    whole: Project
    seconds: dict[str, float]
    epoch: float


@dataclass(frozen=True)
class Case:
    """One checkout to be killed: where, when and how."""

    stage: str
    when: str
    how: str
    moment: Moment
    blow: Blow


def undisturbed(base: Path) -> Undisturbed:
    """Runs all stages one by one and keeps a copy of the checkout before each."""
    whole = make_project(base / "undisturbed", **CHANGES)
    before, seconds, epoch = {}, {}, 0.0
    for stage in tqdm(STAGES, desc="undisturbed", unit="stage"):
        before[stage] = base / f"before_{stage}"
        shutil.copytree(whole.folder, before[stage], symlinks=True)
        times: set[int] = set()
        with running(whole, "dvc", "repro", stage, log=base / "undisturbed.log") as run:
            in_stage(stage, 0)(run)
            start = time.monotonic()
            while run.process.poll() is None:
                times.update(path.stat().st_mtime_ns for path in run.checkpoints())
                time.sleep(0.005)
            assert run.process.returncode == 0, run.printed()
        seconds[stage] = time.monotonic() - start
        if stage == "train":
            epoch = (max(times) - min(times)) / 1e9 / (EPOCHS - 1)
    return Undisturbed(before, whole, seconds, epoch)


def training_cases(times: int, choose: random.Random, epoch: float) -> list[Case]:
    """SIGKILL at moments drawn at random, then other ways to die."""
    blow = everything(signal.SIGKILL)
    cases = []
    for index in range(times):
        kind, done, share = index % 5, choose.randrange(EPOCHS), choose.random()
        if kind < 3:
            when, moment = f"{share:.0%} into epoch {done + 1}", after_epoch(done, share * epoch)
        elif kind == 3:
            when, moment = f"writing checkpoint {done + 1}", while_writing(done + 1)
        else:
            when = f"{share:.2f} s after the last epoch"
            moment = after_epoch(EPOCHS, share)
        cases.append(Case("train", when, "SIGKILL, all", moment, blow))
    others = {
        "SIGTERM, all": everything(signal.SIGTERM),
        "Ctrl-C": everything(signal.SIGINT),
        "SIGTERM, DVC alone": dvc_alone(signal.SIGTERM),
        "SIGKILL, DVC alone": dvc_alone(signal.SIGKILL),
        "SIGTERM, training alone": stage_alone(signal.SIGTERM),
        "SIGKILL, training alone": stage_alone(signal.SIGKILL),
        "SIGKILL, one worker": worker_alone(signal.SIGKILL),
    }
    for how, other in others.items():
        done, share = choose.randrange(1, EPOCHS), choose.random()
        moment = after_epoch(done, share * epoch)
        cases.append(Case("train", f"{share:.0%} into epoch {done + 1}", how, moment, other))
    return cases


def other_cases(times: int, choose: random.Random, seconds: dict[str, float]) -> list[Case]:
    blows = {"SIGKILL, all": everything(signal.SIGKILL)}
    blows |= {"SIGTERM, all": everything(signal.SIGTERM), "Ctrl-C": everything(signal.SIGINT)}
    cases = []
    for stage in (stage for stage in STAGES if stage != "train"):
        for how, blow in list(blows.items())[: max(times, 1)]:
            share = choose.random()
            moment = in_stage(stage, share * seconds[stage])
            cases.append(Case(stage, f"after {share:.0%} of its time", how, moment, blow))
    return cases


def strike(case: Case, found: Undisturbed, base: Path) -> tuple[str, ...]:
    """The row of one case: kills, runs again, compares."""
    folder = base / "killed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(found.before[case.stage], folder, symlinks=True)
    project = Project(folder)
    code, printed = kill(project, case.moment, case.blow, "dvc", "repro", case.stage)
    resumed = ""
    again = project.run("dvc", "repro", case.stage)
    if match := re.search(r"Resuming (after epoch \d+ of \d+)", again):
        resumed = match[1]
    same = project.outputs()[case.stage] == found.whole.outputs()[case.stage]
    clean = "up to date" in project.run("dvc", "status", case.stage)
    fine = same and clean and "Traceback" not in printed + again
    return case.stage, case.when, case.how, str(code), resumed, "yes" if fine else "NO"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="SIGKILLs of training (10)")
    parser.add_argument("--others", type=int, default=3, help="kills of each other stage, to 3")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    arguments = parser.parse_args()
    choose = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="exact-") as folder:
        base = Path(folder)
        found = undisturbed(base)
        cases = training_cases(arguments.times, choose, found.epoch)
        cases += other_cases(arguments.others, choose, found.seconds)
        header = ("stage", "killed", "how", "exit", "resumed", "same bytes")
        failed = 0
        print(line(header), flush=True)
        for case in cases:
            row = strike(case, found, base)
            failed += row[-1] != "yes"
            print(line(row), flush=True)
    print(f"{len(cases)} kills, {failed} of them with other bytes, a traceback or a stale output")
    return 1 if failed else 0


def line(row: tuple[str, ...]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(row, WIDTHS, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
