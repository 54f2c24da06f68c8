import errno
import json

import pytest

from cifarlens.errors import UserError
from cifarlens.stage import run_stage


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
        (PermissionError(errno.EACCES, "", "a.npy"), "error: No permission to use a.npy"),
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


def test_ctrl_c(capsys):
    with pytest.raises(SystemExit) as stopped:
        run_stage(failing(KeyboardInterrupt()))
    assert stopped.value.code == 130
    assert "dvc repro" in capsys.readouterr().err


def test_our_own_defect_keeps_its_traceback():
    with pytest.raises(OwnError):
        run_stage(failing(OwnError()))


def test_time_and_machine_are_kept_apart_from_the_outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_stage(lambda: None)
    entry = json.loads((tmp_path / "logs/runs.jsonl").read_text())
    assert entry["seconds"] < 10
    assert {"stage", "started", "platform", "cores"} <= entry.keys()
