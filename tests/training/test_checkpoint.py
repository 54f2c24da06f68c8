import multiprocessing

import pytest

from cifarlens.errors import UserError
from cifarlens.params import Augment
from cifarlens.training.checkpoint import (
    WholeCheckpointIO,
    checkpoint_folder,
    load_checkpoint,
    run_key,
)

AUGMENT = Augment(padding=4, flip=True, cutout=8)


def test_the_key_depends_on_every_input():
    base = run_key([0, 0.01, AUGMENT])
    assert run_key([0, 0.01, AUGMENT.model_copy()]) == base
    assert len({base, run_key([1, 0.01, AUGMENT]), run_key([0, 0.011, AUGMENT])}) == 3
    assert run_key([0, 0.01, Augment(padding=4, flip=False, cutout=8)]) != base


def test_success_removes_the_folder_and_failure_keeps_it(tmp_path):
    def fail():
        with checkpoint_folder(tmp_path, "key") as folder:
            (folder / "last.ckpt").write_text("half a run")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "key/last.ckpt").exists()
    with checkpoint_folder(tmp_path, "key"):
        pass
    assert list(tmp_path.iterdir()) == []


def hold(root, held, done):
    with checkpoint_folder(root, "key"):
        held.set()
        done.wait(30)


def test_two_at_once(tmp_path):
    held, done = multiprocessing.Event(), multiprocessing.Event()
    other = multiprocessing.Process(target=hold, args=(tmp_path, held, done))
    other.start()
    try:
        assert held.wait(30)
        with (
            pytest.raises(UserError, match="Another process is training this very run"),
            checkpoint_folder(tmp_path, "key"),
        ):
            pass
    finally:
        done.set()
        other.join(30)
    assert other.exitcode == 0


def test_a_checkpoint_is_whole_or_not_there(tmp_path, monkeypatch):
    assert load_checkpoint(tmp_path) is None
    WholeCheckpointIO().save_checkpoint({"epoch": 3}, tmp_path / "last.ckpt")
    assert load_checkpoint(tmp_path) == {"epoch": 3}
    with pytest.raises(AttributeError):
        WholeCheckpointIO().save_checkpoint({"epoch": lambda: 0}, tmp_path / "last.ckpt")
    assert load_checkpoint(tmp_path) == {"epoch": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
