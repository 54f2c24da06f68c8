import pytest
import torch

from cifarlens.params import Augment
from cifarlens.training.one_cycle.checkpoint import WholeCheckpointIO, load_checkpoint, run_key

AUGMENT = Augment(padding=4, flip=True, cutout=8)


def test_the_key_depends_on_every_input():
    base = run_key([0, 0.01, AUGMENT])
    assert run_key([0, 0.01, AUGMENT.model_copy()]) == base
    assert len({base, run_key([1, 0.01, AUGMENT]), run_key([0, 0.011, AUGMENT])}) == 3
    assert run_key([0, 0.01, Augment(padding=4, flip=False, cutout=8)]) != base


def test_a_checkpoint_is_whole_or_not_there(tmp_path, monkeypatch):
    assert load_checkpoint(tmp_path) is None
    WholeCheckpointIO().save_checkpoint({"epoch": 3}, tmp_path / "last.ckpt")
    assert load_checkpoint(tmp_path) == {"epoch": 3}
    with pytest.raises(AttributeError):
        WholeCheckpointIO().save_checkpoint({"epoch": lambda: 0}, tmp_path / "last.ckpt")
    assert load_checkpoint(tmp_path) == {"epoch": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"x" * 99])
def test_a_damaged_checkpoint_is_put_away(tmp_path, capsys, damage):
    path = tmp_path / "last.ckpt"
    WholeCheckpointIO().save_checkpoint({"epoch": 3, "weights": torch.ones(999)}, path)
    path.write_bytes(damage(path.read_bytes()))
    assert load_checkpoint(tmp_path) is None
    assert "last.ckpt is damaged" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
