"""A stage runs its checkout's own code, in any shell and with another cifarlens on PYTHONPATH."""

import json
import os
import re
import shutil
import time

import pytest
from project import ROOT, Project, edit

OWN = "this is the checkout's own code"
SHELLS = ("sh", "bash", "fish", "tcsh")
CODE = "src/cifarlens/dataset/statistics.py"


@pytest.fixture(scope="module")
def changed(project: Project) -> Project:
    """A checkout whose code differs from the installed package, next to an older version."""
    line = "    means, deviations = [], []\n"
    edit(project.folder / CODE, line, f'    print("{OWN}")\n{line}')
    project.commit("other code")
    older = project.folder.parent / "older"
    shutil.copytree(ROOT / "src", older)
    (older / "cifarlens/dataset/statistics.py").write_text("raise ImportError('older')\n")
    return project


def surroundings(project: Project, shell: str) -> tuple[str, ...]:
    """Returns a command's prefix that sets the shell and puts the older code on PYTHONPATH."""
    path = shutil.which(shell)
    if path is None:
        message = f"no {shell}: install it"
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(message)
        pytest.skip(message)
    return "env", f"SHELL={path}", f"PYTHONPATH={project.folder.parent / 'older'}"


@pytest.mark.parametrize("shell", SHELLS)
def test_in_the_workspace(changed, shell):
    output = changed.run(*surroundings(changed, shell), "dvc", "repro", "-f", "-s", "stats")
    assert OWN in output


def test_in_a_temporary_folder(changed):
    command = ("dvc", "exp", "run", "--temp", "-f", "-s", "-n", "apart", "stats")
    changed.run("dvc", "repro", "-s", "stats")
    changed.commit("its statistics")
    assert OWN in changed.run(*surroundings(changed, "fish"), *command)
    assert changed.run("git", "status", "--porcelain") == ""


def test_in_the_queue(changed):
    """Two at a time, one for each value."""
    prefix = surroundings(changed, "tcsh")
    changed.run(*prefix, "dvc", "exp", "run", "--queue", "-f", "-s", "-S", "seed=1,2", "stats")
    changed.run(*prefix, "dvc", "queue", "start", "-j", "2")
    deadline = time.monotonic() + 120
    while (table := changed.run("dvc", "queue", "status")).count("Success") < 2:
        assert time.monotonic() < deadline, table
        time.sleep(1)
    for task in re.findall(r"^([0-9a-f]{7}) ", table, re.MULTILINE):
        assert OWN in changed.run("dvc", "queue", "logs", task)
    experiments = json.loads(changed.run("dvc", "exp", "show", "--json"))
    assert {"1", "2"} <= set(re.findall(r"'seed': (\d)", str(experiments)))
