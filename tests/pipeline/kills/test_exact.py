"""The same bytes twice: in another clone, in other surroundings, and after any number of kills."""

import re
import signal
import subprocess

import pytest
from killing import everything, in_stage, kill
from project import Project

STAGES = ("download", "stats", "lr_find", "train", "evaluate", "gradcam_report", "package_space")


@pytest.fixture
def clone(project, tmp_path):
    """A fresh clone of the project's first commit, without its cache."""
    folder = tmp_path / "a clone with a longer name"
    first = project.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    subprocess.run(["git", "clone", "-q", project.folder, folder], check=True)
    made = Project(folder)
    made.run("git", "checkout", "-q", first)
    made.run("git", "config", "user.name", "test")
    made.run("git", "config", "user.email", "test@localhost")
    return made


@pytest.fixture
def surroundings(monkeypatch, tmp_path):
    """Other settings of all that must not matter."""
    others = {
        "HOME": str(tmp_path),
        "TZ": "Pacific/Chatham",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "12345",
        "TQDM_DISABLE": "1",
        "COLUMNS": "40",
        "MPLCONFIGDIR": str(tmp_path / "matplotlib"),
    }
    for name, value in others.items():
        monkeypatch.setenv(name, value)


def test_a_fresh_clone_in_other_surroundings_gives_the_same_hashes(project, clone, surroundings):
    clone.run("dvc", "repro")
    assert tuple(clone.outputs()) == STAGES
    assert clone.outputs() == project.outputs()
    timings = (clone.folder / "logs/runs.jsonl").read_text()
    assert re.findall(r'"stage": "(\w+)"', timings) == list(STAGES)


def test_killed_in_every_stage_it_ends_with_the_same_hashes(project, clone):
    """One checkout, killed in each stage in turn: a moment after its start, or later."""
    for stage, seconds in zip(STAGES, (0.3, 0.9, 3.5, 3.0, 1.5, 3.0, 0.6), strict=True):
        code, printed = kill(clone, in_stage(stage, seconds), everything(signal.SIGKILL))
        assert code == -signal.SIGKILL
        assert "Traceback" not in printed
    printed = clone.run("dvc", "repro")
    assert "Traceback" not in printed
    assert clone.outputs() == project.outputs()
    assert "up to date" in clone.run("dvc", "status")
