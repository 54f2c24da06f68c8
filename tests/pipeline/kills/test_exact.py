"""A fresh clone with other settings, killed in every stage, ends with the same bytes."""

import re
import signal
import subprocess

import pytest
from killing import everything, in_stage, kill
from project import Project

DELAYS = {  # seconds from the start of a stage to its kill
    "download": 0.3,
    "stats": 0.9,
    "lr_find": 3.5,
    "train": 3.0,
    "evaluate": 1.5,
    "gradcam_report": 3.0,
    "package_space": 0.6,
}
OTHER_SETTINGS = {
    "TZ": "Pacific/Chatham",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "12345",
    "TQDM_DISABLE": "1",
    "COLUMNS": "40",
}


@pytest.fixture
def clone(first_run, tmp_path):
    """A clone of the commit before the first run, in another folder, without DVC's cache."""
    folder = tmp_path / "a clone with a longer name"
    first = first_run.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    subprocess.run(["git", "clone", "-q", first_run.folder, folder], check=True)
    subprocess.run(["git", "checkout", "-q", first], cwd=folder, check=True)
    return Project(folder)


def test_a_fresh_clone_killed_in_every_stage_gives_the_same_hashes(
    first_run, clone, monkeypatch, tmp_path
):
    for name, value in OTHER_SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    for stage, seconds in DELAYS.items():
        code, output = kill(clone, in_stage(stage, seconds), everything(signal.SIGKILL))
        assert code == -signal.SIGKILL
        assert "Traceback" not in output
    output = clone.run("dvc", "repro")
    assert "Traceback" not in output
    assert clone.outputs() == first_run.outputs()
    assert "up to date" in clone.run("dvc", "status")
    timings = (clone.folder / "logs/runs.jsonl").read_text()
    assert set(re.findall(r'"stage": "(\w+)"', timings)) == set(DELAYS)
