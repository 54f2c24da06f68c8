"""DVC runs a training of two processes; the numbers are tests/training/test_devices.py's matter."""

import re
import signal

import pytest
from killing import Run, after_epoch, kill


@pytest.fixture
def copy(first_run, tmp_path, monkeypatch):
    """The project with its results, to be trained by two processes."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    project = first_run.copy(tmp_path / "checkout")
    project.params(epochs=3, trainer={"devices": 2})
    return project


def kill_the_second(run: Run) -> None:
    second = next(p for p in run.stage().children() if p.environ()["RANK"] == "1")
    second.send_signal(signal.SIGKILL)


def test_one_is_killed_none_is_left_and_the_next_run_goes_on(copy):
    code, printed = kill(copy, after_epoch(1, 0.1), kill_the_second, "dvc", "repro", "train")
    assert code == 255
    assert "Stage 'lr_find' didn't change, skipping" in printed
    assert printed.count("error: Training process 1 was killed (SIGKILL)") == 1
    assert "Traceback" not in printed

    printed = copy.run("dvc", "repro", "train")
    assert printed.count("Resuming after epoch") == 1
    assert len(re.findall(r"^train: \d", printed, re.MULTILINE)) == 1
    assert len(re.findall("Epoch 2 of", printed)) == 1  # only the first process prints
    assert "up to date" in copy.run("dvc", "status", "train")
