"""Training killed at any moment resumes to the same bytes, and only ever resumes its own run."""

import re
import signal
import subprocess

import pytest
from killing import after_epoch, dvc_alone, everything, in_stage, kill, running, while_writing
from project import Project, make_project

from cifarlens.runtime.files import read_csv

MOMENTS = {
    "in a later epoch": (after_epoch(2, 0.2), everything(signal.SIGKILL), 2),
    "writing a checkpoint": (while_writing(3), everything(signal.SIGKILL), 2),
    "after the last epoch": (after_epoch(4, 0.5), everything(signal.SIGKILL), 4),
    "Ctrl-C": (after_epoch(1, 0.2), everything(signal.SIGINT), 1),
    "SIGTERM for DVC alone": (after_epoch(1, 0.2), dvc_alone(signal.SIGTERM), 1),
}


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """Two copies of a checkout in which all before training has run; one has trained on."""
    base = tmp_path_factory.mktemp("ready")
    made = make_project(
        base / "made",
        epochs=4,
        batch_size=32,
        lr_max=0.01,
        lr_min=0.001,
        model={"dropout": 0.1},
        lr_find={"steps": 80},
        trainer={"workers": 2},
    )
    made.run("dvc", "repro", "lr_find")
    made.commit("ready to train")
    subprocess.run(["cp", "-r", made.folder, base / "undisturbed"], check=True)
    undisturbed = Project(base / "undisturbed")
    undisturbed.run("dvc", "repro", "train")
    return made, undisturbed


@pytest.mark.parametrize("moment", MOMENTS)
def test_training_killed_resumes_to_the_same_bytes(ready, tmp_path, moment):
    made, undisturbed = ready
    subprocess.run(["cp", "-r", made.folder, tmp_path / "killed"], check=True)
    project = Project(tmp_path / "killed")
    when, blow, least = MOMENTS[moment]
    code, printed = kill(project, when, blow, "dvc", "repro", "train")
    assert code != 0
    assert "Traceback" not in printed
    again = project.run("dvc", "repro", "train")
    resumed = re.search(r"Resuming after epoch (\d) of 4", again)
    assert resumed, again
    assert least <= int(resumed[1]) <= least + 1
    assert project.outputs()["train"] == undisturbed.outputs()["train"]
    history = read_csv(project.folder / "reports/plots/train.csv")
    assert [row["epoch"] for row in history] == ["1", "2", "3", "4"]


def test_a_checkpoint_of_another_run_is_never_resumed(ready, tmp_path):
    """Killed, then run with other parameters, other data or other code."""
    made, _ = ready
    subprocess.run(["cp", "-r", made.folder, tmp_path / "killed"], check=True)
    project = Project(tmp_path / "killed")
    kill(project, after_epoch(1, 0.1), everything(signal.SIGKILL), "dvc", "repro", "train")
    (checkpoint,) = (project.folder / "checkpoints").glob("*/last.ckpt")
    train = ("python", "-m", "stages.train")

    project.params(model={"dropout": 0.2})
    assert "Resuming" not in project.run(*train)
    project.params(model={"dropout": 0.1})

    code = project.folder / "src/cifarlens/training/one_cycle/schedule.py"
    before = code.read_text()
    code.write_text(before + "# another schedule\n")
    assert "Resuming" not in project.run(*train)
    code.write_text(before)

    labels = project.folder / "data/dataset/train_labels.npy"
    content = labels.read_bytes()
    labels.unlink()
    labels.write_bytes(content[:-8] + content[-16:-8])
    assert "Resuming" not in project.run(*train)
    labels.write_bytes(content)

    assert checkpoint.exists()
    assert "Resuming after epoch" in project.run(*train)


def test_two_at_once_in_one_checkout(ready, tmp_path):
    """The second is told who blocks it, by DVC or, started by hand, by the stage."""
    made, undisturbed = ready
    subprocess.run(["cp", "-r", made.folder, tmp_path / "twice"], check=True)
    project = Project(tmp_path / "twice")
    with running(project, "dvc", "repro", "train", log=tmp_path / "first.log") as first:
        in_stage("train", 2)(first)
        second = project.run("dvc", "repro", "train", code=255)
        assert re.search(r"is busy, it is being blocked by:\s+\(PID \d+\): ", second)
        assert "Traceback" not in second
        assert first.end() == 0, first.printed()
    assert project.outputs()["train"] == undisturbed.outputs()["train"]
