import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifarlens.training.fit import fit, summarize
from cifarlens.training.history import History
from cifarlens.training.schedule import Recipe

RECIPE = Recipe(epochs=4, peak_epoch=1, lr_max=0.01, lr_min=0.0001)


def weights(parts):
    return {name: t.clone() for name, t in parts.network.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def run(parts, tmp_path, name, recipe=RECIPE):
    (tmp_path / name).mkdir(exist_ok=True)
    history = fit(parts, recipe, checkpoints=tmp_path / name, logs=tmp_path / "logs" / name)
    return history, weights(parts)


def test_it_learns_and_keeps_a_history(parts, folders):
    made = parts()
    history = fit(made, RECIPE, checkpoints=folders.checkpoints, logs=folders.logs)
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert history[0].lr == 0.01
    assert history[-1].lr == 0.0001
    assert history[-1].train_loss < 0.7 * history[0].train_loss
    assert history[-1].train_accuracy > 0.6
    assert 0 <= history[-1].val_accuracy <= 1
    assert summarize(RECIPE, made.network, history)["parameters"] == 26_350
    events = EventAccumulator(str(folders.logs)).Reload()
    assert {"lr", "train/loss", "train/accuracy", "val/loss", "val/accuracy"} <= set(
        events.Tags()["scalars"]
    )
    assert events.Tags()["images"] == ["augmented"]


def test_without_held_out_images_there_is_no_validation(parts, tmp_path):
    history, _ = run(parts(val_size=0), tmp_path, "a", RECIPE._replace(epochs=1))
    assert history[0].val_loss is None
    assert history[0].val_accuracy is None


def test_the_same_bytes_for_any_number_of_workers_and_others_for_another_seed(parts, tmp_path):
    history, first = run(parts(dropout=0.1), tmp_path, "a")
    again, second = run(parts(dropout=0.1, workers=2), tmp_path, "b")
    _, other = run(parts(dropout=0.1, seed=1), tmp_path, "c")
    assert history == again
    assert same(first, second)
    assert not same(first, other)


class Killed(Exception):
    pass


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_killed_run_resumes_to_the_same_bytes(parts, tmp_path, monkeypatch, capsys, epoch):
    history, undisturbed = run(parts(dropout=0.1), tmp_path, "whole")

    def die(self, trainer, *_):
        if trainer.current_epoch == epoch:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(History, "on_train_batch_end", die, raising=False)
        with pytest.raises(Killed):
            run(parts(dropout=0.1), tmp_path, "killed")
    resumed, after = run(parts(dropout=0.1), tmp_path, "killed")
    assert f"Resuming after epoch {epoch} of 4." in capsys.readouterr().out
    assert resumed == history
    assert same(undisturbed, after)
