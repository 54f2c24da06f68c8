import pytest
import torch

from cifarlens.training.one_cycle.checkpoint import (
    AtomicCheckpointIO,
    load_checkpoint,
    mark_finished,
    prune,
)


def test_only_other_finished_runs_are_pruned(tmp_path):
    for name in ("own", "finished", "killed"):
        (tmp_path / name).mkdir()
    mark_finished(tmp_path / "own")
    mark_finished(tmp_path / "finished")
    prune(tmp_path, tmp_path / "own")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed", "own"]


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
