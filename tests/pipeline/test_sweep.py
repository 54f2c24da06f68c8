"""A sweep as users start it, on a small project: DVC's queue and the table of results."""

import json
import re
import subprocess
import sys
import threading
import time

import pytest
from project import Project
from ruamel.yaml import YAML

from benchmarks import sweep as sweeping

PLAN = {
    "jobs": 2,
    "base": {"epochs": 1, "lr_find.steps": 80},
    "seeds": [1, 2],
    "settings": [{}, {"ema_decay": 0.5}],
}


@pytest.fixture
def sweep(project, monkeypatch, capsys):
    """Runs a sweep in the project; returns exit code, output and errors."""
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(sweeping, "POLL_INTERVAL", 2)

    def run(plan, *options):
        path = project.folder.parent / "plan.yaml"
        YAML().dump(plan, path)
        monkeypatch.setattr(sys, "argv", ["sweep", str(path), *options])
        try:
            sweeping.main()
            code = 0
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def experiments(project: Project) -> list[dict]:
    return json.loads(project.run("dvc", "exp", "show", "--json"))[1]["experiments"] or []


def stop_queue(project: Project) -> None:
    """Stops the queue after the experiment that is running, as soon as there is one."""
    while "Running" not in project.run("dvc", "queue", "status"):
        time.sleep(0.5)
    project.run("dvc", "queue", "stop")


def test_every_setting_runs_once_with_every_seed(project, sweep):
    """One experiment is in the queue already, and the queue is stopped once in between."""
    overrides = ["epochs=1", "lr_find.steps=80", "seed=1"]
    changes = [f"--set-param={override}" for override in overrides]
    project.run("dvc", "exp", "run", "--queue", *changes, "train")
    stopping = threading.Thread(target=stop_queue, args=(project,))
    stopping.start()
    code, table, error = sweep(PLAN)
    stopping.join()
    assert code == 0, error
    lines = table.splitlines()
    assert lines[0] == "| setting | held-out accuracy | held-out loss | `lr_max: auto` | seeds |"
    row_form = r"\| (.*) \| (.*) ± .* % \| (.*) ± .* \| (0\.\d+(?: to 0\.\d+)?) \| 2 \|"
    rows = [re.fullmatch(row_form, row) for row in lines[2:]]
    assert {row[1] for row in rows} == {"base", "`ema_decay` 0.5"}
    assert float(rows[0][2]) >= float(rows[1][2])  # best first

    runs = [run["revs"][0]["data"] for run in experiments(project)]
    assert len(runs) == 4
    logs = {log.name.rpartition("_20")[0] for log in (project.folder / "logs").glob("*_20*")}
    assert logs >= {run["name"] for run in experiments(project)}
    decays = [run["params"]["params.yaml"]["data"]["ema_decay"] for run in runs]
    metrics = [run["metrics"] for run in runs]
    train = [each["metrics/train.json"]["data"]["val_accuracy"] for each in metrics]
    of_base = [value for value, decay in zip(train, decays, strict=True) if not decay]
    assert f"| base | {50 * sum(of_base):.2f} ± " in table
    auto = {each["metrics/lr_find.json"]["data"]["lr_max"] for each in metrics}
    limits = " to ".join(dict.fromkeys(f"{rate:.2g}" for rate in (min(auto), max(auto))))
    assert {row[4] for row in rows} == {limits}  # both settings have both seeds
    assert project.run("git", "status", "--porcelain") == ""

    assert sweep(PLAN)[:2] == (0, table)  # nothing is left to run
    assert sweep(PLAN, "--table")[:2] == (0, table)
    assert len(experiments(project)) == 4


def test_a_failed_experiment_ends_the_sweep_with_one_sentence(project, sweep):
    plan = {**PLAN, "settings": [{"batch_size": 1400}], "seeds": [1]}  # more than there are images
    code, table, error = sweep(plan)
    assert (code, table) == (2, "")
    assert "error: An experiment failed. `dvc queue status` names it" in error
    project.run("dvc", "queue", "remove", "--failed")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings": [{"lr_max": -1}]}, "lr_max is -1; it must be auto or"),
        ({"jobs": 0}, "jobs is 0; it must be a whole number of at least 1"),
        ({"base": {"data.val_size": 0}}, "data.val_size is 0; it must be above 0"),
        ({"base": {"seed.x": 1}}, "seed.x is not a parameter: seed does not have subkeys"),
        ({"base": {1: 2}}, "base and each setting must map keys of params.yaml to values"),
        ({"seeds": 1}, "seeds is 1; it must be a list of different seeds"),
        ({"seeds": [1, 1]}, "seeds is [1, 1]; it must be a list of different seeds"),
        ({"settings": []}, "settings must be a list of at least one setting"),
        ({"settings": ["lr_max"]}, "base and each setting must map keys of params.yaml to values"),
        ({"more": 1}, "base, jobs, seeds, settings; missing: none; unknown: more"),
    ],
)
def test_a_wrong_plan_is_one_sentence(sweep, changes, sentence):
    code, table, error = sweep({**PLAN, **changes})
    assert (code, table, error.count("\n")) == (2, "", 1)
    assert error.startswith("error: ")
    assert sentence in error


def test_a_plan_that_cannot_be_read(project, tmp_path):
    (tmp_path / "plan.yaml").write_text("{")
    for folder, plan, sentence in (
        (project.folder, "none.yaml", "cannot be read; name a plan such as width16.yaml"),
        (project.folder, tmp_path / "plan.yaml", "invalid YAML; fix it"),
        (tmp_path, sweeping.PLAN, "params.yaml is missing here; run from the project's root"),
    ):
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.sweep", str(plan)],
            cwd=folder,
            env={**project.environment(), "PYTHONPATH": str(sweeping.PLAN.parents[2])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 2
        assert process.stderr.startswith("error: ")
        assert sentence in process.stderr
