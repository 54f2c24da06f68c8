"""A stage runs the checkout's own code, in any shell and with any other cifarlens in the way."""

import os
import shutil
import time

import pytest
from project import ROOT, Project, edit, make_project

OWN = "this is the checkout's own code"
SHELLS = ("sh", "bash", "fish", "tcsh")
CODE = "src/cifarlens/dataset/statistics.py"


@pytest.fixture(scope="module")
def changed(tmp_path_factory) -> Project:
    """A checkout whose code differs from the installed one, and an older one beside it."""
    base = tmp_path_factory.mktemp("own")
    made = make_project(base / "checkout")
    line = "    means, deviations = [], []\n"
    edit(made.folder / CODE, line, f'    print("{OWN}")\n{line}')
    made.run("dvc", "repro", "download")
    made.commit("other code")
    shutil.copytree(ROOT / "src", base / "older")
    (base / "older/cifarlens/dataset/statistics.py").write_text("raise ImportError('older')\n")
    return made


def surroundings(project: Project, shell: str) -> tuple[str, ...]:
    """A command's prefix: that shell, and the older code first on PYTHONPATH."""
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
    command = ("dvc", "exp", "run", "--temp", "-f", "-n", "apart", "stats")
    assert OWN in changed.run(*surroundings(changed, "fish"), *command)


def test_in_the_queue(changed):
    prefix = surroundings(changed, "tcsh")
    changed.run(*prefix, "dvc", "exp", "run", "--queue", "-f", "-n", "queued", "stats")
    changed.run(*prefix, "dvc", "queue", "start")
    deadline = time.monotonic() + 120
    while "Success" not in (table := changed.run("dvc", "queue", "status")):
        assert time.monotonic() < deadline, table
        time.sleep(1)
    assert OWN in changed.run("dvc", "queue", "logs", "queued")
