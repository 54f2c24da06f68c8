import pytest
import torch

from cifarlens.training.one_cycle.checkpoint import (
    AtomicCheckpointIO,
    load_checkpoint,
    mark_finished,
    open_run,
)


def test_a_new_run_deletes_finished_ones_and_says_why_it_does_not_resume(tmp_path, capsys):
    run = {"hardware": {"threads": 2}, "recipe": {"lr_max": 0.1}, "code": {"module": "0" * 64}}
    finished, _ = open_run(tmp_path, {**run, "recipe": {"lr_max": 0.2}}, "finished")
    mark_finished(finished)
    killed, _ = open_run(tmp_path, run, "killed")
    AtomicCheckpointIO().save_checkpoint({"epoch": 3}, killed / "last.ckpt")
    mark_finished(killed)
    assert open_run(tmp_path, run, "again") == (killed, "killed")
    (killed / "finished").unlink()
    assert capsys.readouterr().out == ""
    other = {**run, "hardware": {"threads": 1}, "code": {"module": "1" * 64}}
    folder, name = open_run(tmp_path, other, "new")
    assert sorted(tmp_path.iterdir()) == sorted([killed, folder])
    assert name == "new"
    reason = "which has other inputs: code.module, hardware.threads (2, now 1)\n"
    assert capsys.readouterr().out.endswith(reason)


def test_a_checkpoint_is_complete_or_absent(tmp_path):
    assert load_checkpoint(tmp_path) is None
    AtomicCheckpointIO().save_checkpoint({"epoch": 3}, tmp_path / "last.ckpt")
    assert load_checkpoint(tmp_path) == {"epoch": 3}
    with pytest.raises(AttributeError):
        AtomicCheckpointIO().save_checkpoint({"epoch": lambda: 0}, tmp_path / "last.ckpt")
    assert load_checkpoint(tmp_path) == {"epoch": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"x" * 99])
def test_a_damaged_checkpoint_is_deleted(tmp_path, capsys, damage):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 3, "weights": torch.ones(999)}, path)
    path.write_bytes(damage(path.read_bytes()))
    assert load_checkpoint(tmp_path) is None
    assert "last.ckpt is damaged" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
