"""A stage runs its checkout's own code, in any shell and with another cifarlens on PYTHONPATH."""

import json
import os
import re
import shutil

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


def test_in_the_queue(changed):
    """Two at a time, one for each value, in temporary folders."""
    prefix = surroundings(changed, "tcsh")
    changed.run(*prefix, "dvc", "exp", "run", "--queue", "-f", "-s", "-S", "seed=1,2", "stats")
    output = changed.run(*prefix, "dvc", "exp", "run", "--run-all", "--jobs", "2")
    assert output.count(OWN) == 2
    experiments = json.loads(changed.run("dvc", "exp", "show", "--json"))
    assert {"1", "2"} <= set(re.findall(r"'seed': (\d)", str(experiments)))
