import errno
import json
import multiprocessing
import sys
from pathlib import Path

import pytest

from cifarlens.runtime.errors import UserError
from cifarlens.runtime.stage import run_stage

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stages/waiting.py"])


class OwnError(ValueError):
    pass


def failing(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserError("lr_max is -1."), "error: lr_max is -1.\n"),
        (OwnError("The bundle is bad."), "error: The bundle is bad.\n"),
        (OSError(errno.ENOSPC, "", "a.npy"), "error: The disk is full while writing a.npy"),
        (OSError(errno.EFBIG, "", "a.npy"), "error: a.npy grows larger than the file system or"),
        (OSError(errno.EIO, "", "a.npy"), "error: a.npy cannot be used (input/output error)"),
        (PermissionError(errno.EACCES, "", "a.npy"), "error: No permission to use a.npy"),
        (OSError(errno.ENOTDIR, "", "/dev/null/x/y"), "error: /dev/null is a file where a folder"),
        (FileNotFoundError(errno.ENOENT, "", "models/x"), "error: models/x is missing"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(error, sentence, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_stage(failing(error), OwnError)
    assert stopped.value.code == 2
    shown = capsys.readouterr().err
    assert shown.startswith(sentence)
    assert shown.count("\n") == 1


def test_our_own_defect_keeps_its_traceback():
    with pytest.raises(OwnError):
        run_stage(failing(OwnError()))


def test_time_and_machine_are_kept_apart_from_the_outputs(tmp_path):
    run_stage(lambda: None)
    entry = json.loads((tmp_path / "logs/runs.jsonl").read_text())
    assert entry["seconds"] < 10
    assert {"stage", "started", "platform", "cores"} <= entry.keys()


def hold(held, done):
    def main():
        held.set()
        done.wait(30)

    run_stage(main)


def test_two_at_once_in_one_checkout(monkeypatch, capsys):
    monkeypatch.setattr("cifarlens.runtime.stage.GRACE", 0.2)
    held, done = multiprocessing.Event(), multiprocessing.Event()
    other = multiprocessing.Process(target=hold, args=(held, done))
    other.start()
    try:
        assert held.wait(30)
        with pytest.raises(SystemExit) as stopped:
            run_stage(lambda: None)
    finally:
        done.set()
        other.join(30)
    assert (stopped.value.code, other.exitcode) == (2, 0)
    shown = capsys.readouterr().err
    assert shown.startswith("error: Another process is running waiting in this checkout")
    assert shown.count("\n") == 1
    run_stage(lambda: None)
