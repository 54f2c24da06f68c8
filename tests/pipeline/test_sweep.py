"""The sweep as users start it, on a small project: a queue of DVC's, and its table."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
from project import ROOT, make_project
from ruamel.yaml import YAML

PLAN = {
    "jobs": 2,
    "base": {"epochs": 1, "lr_find.steps": 80},
    "seeds": [1, 2],
    "settings": [{}, {"ema_decay": 0.5}],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    project = make_project(tmp_path_factory.mktemp("sweep") / "checkout")
    project.run("dvc", "repro", "stats")
    project.commit("data and statistics")
    return project


def sweep(project, plan, *options):
    """Exit code, what it printed and what it said of errors."""
    path = project.folder.parent / "plan.yaml"
    YAML().dump(plan, path)
    return run_sweep(project, path, *options)


def run_sweep(project, path, *options, folder=None):
    with start_sweep(project, path, *options, folder=folder) as started:
        printed, said = started.communicate()
    return started.returncode, printed, said


def start_sweep(project, path, *options, folder=None):
    environment = project.environment()
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sweep", str(path), *options],
        cwd=folder or project.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def states(project):
    """Of the queue's tasks, in the order of its table."""
    lines = project.run("dvc", "queue", "status").splitlines()
    return [line.split()[-1] for line in lines if line]


def test_every_setting_runs_with_every_seed_once(made):
    code, table, error = sweep(made, PLAN)
    assert code == 0, error
    lines = table.splitlines()
    assert lines[0] == "| setting | held-out accuracy | held-out loss | `lr_max: auto` | seeds |"
    row_form = r"\| (.*) \| (.*) ± .* % \| (.*) ± .* \| (0\.\d+(?: to 0\.\d+)?) \| 2 \|"
    rows = [re.fullmatch(row_form, row) for row in lines[2:]]
    assert {row[1] for row in rows} == {"base", "`ema_decay` 0.5"}
    assert float(rows[0][2]) >= float(rows[1][2])  # best first
    shown = json.loads(made.run("dvc", "exp", "show", "--json"))
    runs = shown[1]["experiments"]
    metrics = [run["revs"][0]["data"]["metrics"] for run in runs]
    found = [each["metrics/train.json"]["data"] for each in metrics]
    assert len(found) == 4
    of_base = [run["val_accuracy"] for run in found if run["ema_decay"] == 0]
    assert f"| base | {50 * sum(of_base):.2f} ± " in table
    auto = {each["metrics/lr_find.json"]["data"]["lr_max"] for each in metrics}
    told = " to ".join(dict.fromkeys(f"{rate:.2g}" for rate in (min(auto), max(auto))))
    assert {row[4] for row in rows} == {told}  # both settings have both seeds
    assert made.run("git", "status", "--porcelain") == ""

    again = sweep(made, PLAN)  # there is nothing left to run
    assert again[:2] == (0, table)
    assert len(json.loads(made.run("dvc", "exp", "show", "--json"))[1]["experiments"]) == 4


def test_what_waits_in_the_queue_is_not_queued_again(made):
    plan = {**PLAN, "seeds": [3], "settings": [{}]}
    overrides = ["--set-param=epochs=1", "--set-param=lr_find.steps=80", "--set-param=seed=3"]
    made.run("dvc", "exp", "run", "--queue", *overrides, "train")
    code, table, error = sweep(made, plan)
    assert code == 0, error
    assert re.search(r"\| base \| [\d.]+ % \| [\d.]+ \| 0\.\d+ \| 1 \|", table)
    assert states(made).count("Success") == 5  # four of the test above
    assert sweep(made, plan, "--table")[:2] == (0, table)


def test_a_queue_that_was_stopped_is_started_again(made):
    plan = {**PLAN, "jobs": 1, "seeds": [4, 5], "settings": [{}]}
    path = made.folder.parent / "plan.yaml"
    YAML().dump(plan, path)
    with start_sweep(made, path) as started:
        while "Running" not in states(made):
            assert started.poll() is None, started.stderr.read()
            time.sleep(0.5)
        made.run("dvc", "queue", "stop")  # after the run that is under way
        _, said = started.communicate()
    assert started.returncode == 0, said
    assert states(made).count("Success") == 7


def test_a_failed_experiment_is_one_sentence(made):
    plan = {**PLAN, "settings": [{"lr_find.start": 1e-9, "lr_find.stop": 1e-7}], "seeds": [1]}
    code, table, error = sweep(made, plan)
    assert (code, table) == (2, "")
    assert "error: An experiment failed: `dvc queue status` names it" in error
    made.run("dvc", "queue", "remove", "--failed")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings": [{"lr_max": -1}]}, "lr_max is -1, but must be auto or a number above 0"),
        ({"settings": [{"lrmax": 1}]}, "lrmax is no parameter; did you mean lr_max?"),
        ({"base": {"data.val_size": 0, "keep": "best"}}, "keep is 'best', but must be last while"),
        ({"jobs": 0}, "jobs is 0, but must be a whole number from 1"),
        ({"base": {"data.val_size": 0}}, "data.val_size is 0, but must be above 0"),
        ({"base": {"seed.x": 1}}, "seed.x is no parameter: seed has no keys of its own"),
        ({"base": {1: 2}}, "base and each setting must be keys of params.yaml and values"),
        ({"seeds": 1}, "seeds is 1, but must be a list of different seeds"),
        ({"seeds": [1, 1]}, "seeds is [1, 1], but must be a list of different seeds"),
        ({"seeds": []}, "seeds is [], but must be a list of different seeds"),
        ({"settings": []}, "settings must be a list of one setting or more"),
        ({"settings": ["lr_max"]}, "base and each setting must be keys of params.yaml and values"),
        ({"more": 1}, "must hold the keys base, jobs, seeds, settings and no others"),
    ],
)
def test_a_wrong_plan_is_one_sentence(made, changes, sentence):
    code, table, error = sweep(made, {**PLAN, **changes})
    assert (code, table, error.count("\n")) == (2, "", 1)
    assert error.startswith("error: ")
    assert sentence in error


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read: name a plan such as width16.yaml"),
        ("{", "is no valid YAML: mend it"),
    ],
)
def test_a_plan_that_is_none(made, text, sentence):
    path = made.folder.parent / "none.yaml"
    path.unlink(missing_ok=True)
    if text:
        path.write_text(text)
    code, _, error = run_sweep(made, path)
    assert code == 2
    assert sentence in error


def test_a_folder_that_is_no_project(made, tmp_path):
    path = made.folder.parent / "plan.yaml"
    YAML().dump(PLAN, path)
    code, _, error = run_sweep(made, path, folder=tmp_path)
    assert (code, error) == (
        2,
        "error: There is no params.yaml here: run it in the project's root.\n",
    )
