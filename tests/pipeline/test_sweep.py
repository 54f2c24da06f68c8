"""The sweep as users start it, on a small project: a queue of DVC's, and its table."""

import json
import os
import re
import subprocess
import sys

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
    environment = project.environment()
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sweep", str(path), *options],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_every_setting_runs_with_every_seed_once(made):
    code, table, error = sweep(made, PLAN)
    assert code == 0, error
    lines = table.splitlines()
    assert lines[0] == "| setting | held-out accuracy | held-out loss | seeds |"
    rows = [re.fullmatch(r"\| (.*) \| (.*) ± .* % \| (.*) ± .* \| 2 \|", row) for row in lines[2:4]]
    assert {row[1] for row in rows} == {"base", "`ema_decay` 0.5"}
    assert float(rows[0][2]) >= float(rows[1][2])  # best first
    assert lines[5].startswith("lr_find: lr_max from ")
    shown = json.loads(made.run("dvc", "exp", "show", "--json"))
    runs = shown[1]["experiments"]
    found = [run["revs"][0]["data"]["metrics"]["metrics/train.json"]["data"] for run in runs]
    assert len(found) == 4
    of_base = [run["val_accuracy"] for run in found if run["ema_decay"] == 0]
    assert f"| base | {50 * sum(of_base):.2f} ± " in table
    assert made.run("git", "status", "--porcelain") == ""

    again = sweep(made, PLAN)  # there is nothing left to run
    assert again[:2] == (0, table)
    assert len(json.loads(made.run("dvc", "exp", "show", "--json"))[1]["experiments"]) == 4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings": [{"lr_max": -1}]}, "lr_max is -1, but must be auto or a number above 0"),
        ({"settings": [{"lrmax": 1}]}, "lrmax is no parameter; did you mean lr_max?"),
        ({"base": {"data.val_size": 0, "keep": "best"}}, "keep is 'best', but must be last while"),
        ({"jobs": 0}, "jobs is 0, but must be a whole number from 1"),
        ({"seeds": 1}, "seeds and settings must be lists, base and each setting keys"),
        ({"settings": ["lr_max"]}, "seeds and settings must be lists, base and each setting keys"),
        ({"more": 1}, "must hold the keys base, jobs, seeds, settings and no others"),
    ],
)
def test_a_wrong_plan_is_one_sentence(made, changes, sentence):
    code, table, error = sweep(made, {**PLAN, **changes})
    assert (code, table, error.count("\n")) == (1, "", 1)
    assert error.startswith("error: ")
    assert sentence in error
