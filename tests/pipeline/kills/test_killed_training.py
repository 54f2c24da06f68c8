"""Training that is killed resumes, gives the same bytes, and resumes only its own run."""

import re
import signal

import pytest
from killing import (
    after_epoch,
    after_training,
    everything,
    in_stage,
    kill,
    running,
    while_writing,
)

from cifarlens.runtime.files import read_csv

EPOCHS = 8
KILLS = {  # in turn, in one checkout
    "Ctrl-C": (after_epoch(1, 0.2), everything(signal.SIGINT)),
    "SIGTERM": (after_epoch(2, 0.2), everything(signal.SIGTERM)),
    "SIGKILL in a later epoch": (after_epoch(2, 0.3), everything(signal.SIGKILL)),
    "SIGKILL while writing a checkpoint": (while_writing(3), everything(signal.SIGKILL)),
    "SIGKILL after the last epoch": (after_training, everything(signal.SIGKILL)),
}


@pytest.fixture(scope="module")
def ready(first_run, tmp_path_factory):
    """Two copies of a checkout that is ready to train; the second has trained."""
    base = tmp_path_factory.mktemp("ready")
    project = first_run.copy(base / "ready")
    project.params(
        epochs=EPOCHS,
        batch_size=32,
        lr_max=0.01,
        lr_min=0.001,
        model={"dropout": 0.1},
        lr_find={"steps": 80},
        trainer={"workers": 2},
    )
    project.run("dvc", "repro", "lr_find")
    project.commit("ready to train")
    undisturbed = project.copy(base / "undisturbed")
    undisturbed.run("dvc", "repro", "train")
    return project, undisturbed


def test_training_killed_again_and_again_gives_the_same_bytes(ready, tmp_path):
    project, undisturbed = ready[0].copy(tmp_path / "killed"), ready[1]
    resumed = []
    for name, (moment, blow) in KILLS.items():
        code, output = kill(project, moment, blow, "dvc", "repro", "train")
        assert code != 0, name
        assert "Traceback" not in output, name
        assert "process was killed" not in output, name
        assert read_csv(project.folder / "reports/plots/train.csv"), name  # written in each epoch
        resumed += re.findall(rf"Resuming after epoch (\d) of {EPOCHS}", output)
    project.params(trainer={"workers": 0})  # which changes no result
    output = project.run("dvc", "repro", "train")
    resumed += re.findall(rf"Resuming after epoch (\d) of {EPOCHS}", output)
    assert len(resumed) == len(KILLS)
    assert resumed == sorted(set(resumed))  # each run continues the one before
    assert resumed[-1] == str(EPOCHS)
    assert project.outputs()["train"] == undisturbed.outputs()["train"]
    history = read_csv(project.folder / "reports/plots/train.csv")
    assert [int(row["epoch"]) for row in history] == list(range(1, EPOCHS + 1))


def change_dropout(project):
    project.params(model={"dropout": 0.2})


def change_code(project):
    with (project.folder / "src/cifarlens/training/one_cycle/schedule.py").open("a") as stream:
        stream.write("# another schedule\n")


def change_labels(project):
    path = project.folder / "data/dataset/train_labels.npy"
    content = path.read_bytes()
    path.unlink()  # DVC's cache may share the file
    path.write_bytes(content[:-8] + content[-16:-8])


def change_threads(project):
    project.threads = 2


CHANGES = {
    change_dropout: "settings.model.dropout (0.1, now 0.2)",
    change_code: "code.cifarlens.training.one_cycle.schedule",
    change_labels: "dataset",
    change_threads: "hardware.threads (1, now 2)",
}


def test_a_checkpoint_of_another_run_is_never_resumed(ready, tmp_path):
    """Training with other parameters, code, data or threads starts again and says why."""
    project = ready[0].copy(tmp_path / "killed")
    train = ("python", "-m", "stages.train")
    kill(project, after_epoch(1, 0.1), everything(signal.SIGKILL), *train)
    for change, reason in CHANGES.items():
        changed = project.copy(tmp_path / change.__name__)
        change(changed)
        # The first run's checkpoint counts too.
        _, output = kill(changed, after_epoch(2, 0), everything(signal.SIGKILL), *train)
        assert "Resuming" not in output, change.__name__
        assert f"which has other inputs: {reason}\n" in output
        assert len(list((changed.folder / "checkpoints").glob("*/last.ckpt"))) == 2


def test_two_at_once_in_one_checkout(ready, tmp_path):
    """DVC names the process that blocks the second run."""
    project, undisturbed = ready[0].copy(tmp_path / "twice"), ready[1]
    with running(project, "dvc", "repro", "train", log=tmp_path / "first.log") as first:
        in_stage("train", 2)(first)
        second = project.run("dvc", "repro", "train", code=255)
        assert re.search(r"is busy, it is being blocked by:\s+\(PID \d+\): ", second)
        assert "Traceback" not in second
        assert first.end() == 0, first.printed()
    assert project.outputs()["train"] == undisturbed.outputs()["train"]
