import errno
import json
import multiprocessing
import os
import sys

import pytest

from cifarlens.runtime.errors import UserError
from cifarlens.runtime.stage import run_stage


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stages/waiting.py"])


class OwnError(ValueError):
    pass


def failing(error):
    def main(*_):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("lr_max is -1."), "lr_max is -1.\n"),
        (OwnError("The bundle is bad."), "The bundle is bad.\n"),
        (OSError(errno.ENOSPC, "", "a.npy"), "The disk is full while writing a.npy; free some"),
        (OSError(errno.EFBIG, "", "a.npy"), "a.npy is larger than the file system or `ulimit"),
        (OSError(errno.EIO, "", "a.npy"), "Cannot use a.npy (input/output error); fix or move it"),
        (PermissionError(errno.EACCES, "", "a.npy"), "a.npy cannot be read or written (permi"),
        (OSError(errno.ENOTDIR, "", "/dev/null/x/y"), "/dev/null is a file instead of a folder"),
        (FileNotFoundError(errno.ENOENT, "", "models/x"), "models/x is missing; run `dvc checkou"),
        (FileNotFoundError(errno.ENOENT, "No folder in ['/tmp']"), "No folder in ['/tmp']; set TM"),
    ],
)
def test_an_error_of_the_user_is_one_line_and_exit_code_2(error, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_stage(failing(error), OwnError)
    assert stopped.value.code == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith(f"error: {message}")
    assert stderr.count("\n") == 1


def test_a_bug_keeps_its_traceback():
    with pytest.raises(OwnError):
        run_stage(failing(OwnError()))


def test_time_and_machine_go_to_the_log(tmp_path):
    run_stage(lambda: None)
    entry = json.loads((tmp_path / "logs/runs.jsonl").read_text())
    assert entry["seconds"] < 10
    assert {"stage", "started", "platform", "cores"} <= entry.keys()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_stage_runs_where_the_file_system_has_no_locks(code, monkeypatch, capsys):
    monkeypatch.setattr("fcntl.flock", failing(OSError(code, os.strerror(code))))
    for _ in range(2):
        run_stage(lambda: None)
    assert capsys.readouterr().err.count("note: the file system gives no lock") == 2


def run_until(running, done):
    def main():
        running.set()
        done.wait(30)

    run_stage(main)


def test_a_second_process_of_a_stage_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("cifarlens.runtime.stage.LOCK_TIMEOUT", 0.2)
    running, done = multiprocessing.Event(), multiprocessing.Event()
    other = multiprocessing.Process(target=run_until, args=(running, done))
    other.start()
    try:
        assert running.wait(30)
        with pytest.raises(SystemExit) as stopped:
            run_stage(lambda: pytest.fail("runs at the same time"))
    finally:
        done.set()
        other.join(30)
    assert (stopped.value.code, other.exitcode) == (2, 0)
    stderr = capsys.readouterr().err
    assert stderr.startswith("error: Another process is running waiting in this checkout")
    assert stderr.count("\n") == 1
    run_stage(lambda: None)
