import os

import pytest

from cifarlens.training.one_cycle.finished import finish, forget_recorded


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "checkpoints/0123"
    folder.mkdir(parents=True)
    (folder / "last.ckpt").touch()
    return folder


def test_without_dvc_success_removes_the_folder(run, monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    finish(run)
    assert not run.exists()


def test_under_dvc_it_stays_until_dvc_has_written_its_lock(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "train")
    lock, unfinished = tmp_path / "dvc.lock", run.with_name("4567")
    unfinished.mkdir()
    finish(run)
    forget_recorded(run.parent, lock)
    assert run.exists()
    lock.touch()
    done = (run / "finished").stat().st_mtime_ns
    os.utime(lock, ns=(done, done - 1))
    forget_recorded(run.parent, lock)
    assert (run / "last.ckpt").exists()
    os.utime(lock, ns=(done, done + 1))
    forget_recorded(run.parent, lock)
    assert list(run.parent.iterdir()) == [unfinished]
