"""Runs that keep an average, or the best epoch, against the same thing done by hand."""

import pytest
import pytorch_lightning as pl
import torch
from torch.nn import functional as F

from cifarlens.classifier.preprocess import normalize
from cifarlens.training.one_cycle.ema import kept_epoch
from cifarlens.training.one_cycle.fit import fit, summarize
from cifarlens.training.one_cycle.history import Epoch, History
from cifarlens.training.one_cycle.schedule import Recipe

RECIPE = Recipe(epochs=4, peak_epoch=1, lr_max=0.02, lr_min=0.0001)
DECAY = 0.8


def state(setup):
    return {name: tensor.clone() for name, tensor in setup.network.state_dict().items()}


def train(setup, tmp_path, **changes):
    """History and weights of a run."""
    recipe = RECIPE._replace(**changes)
    folder = tmp_path / "-".join(map(str, recipe))
    history = fit(setup, recipe, checkpoints=folder, logs=tmp_path / "logs" / folder.name)
    return history, state(setup)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def watch(monkeypatch, setup, hook):
    """The weights at every call of one of the history's hooks, in the run to come."""
    seen = []
    before = getattr(History, hook, getattr(pl.Callback, hook))

    def look(self, *arguments):
        seen.append(state(setup))
        before(self, *arguments)

    monkeypatch.setattr(History, hook, look, raising=False)
    return seen


def validate(setup):
    """Loss and accuracy on the held-out images, as PyTorch has them."""
    images = torch.from_numpy(setup.images.held_out.images)
    labels = torch.from_numpy(setup.images.held_out.labels)
    setup.network.eval()
    with torch.no_grad():
        logits = setup.network(normalize(images, setup.config.mean, setup.config.std))
    accuracy = (logits.argmax(dim=1) == labels).float().mean()
    return float(F.cross_entropy(logits, labels)), float(accuracy)


def test_the_average_is_that_of_every_step(setup, tmp_path, monkeypatch):
    made = setup()
    steps = watch(monkeypatch, made, "on_train_batch_end")
    history, kept = train(made, tmp_path, ema_decay=DECAY)
    expected = {name: t for name, t in steps[0].items() if t.is_floating_point()}  # no counters
    for step in steps[1:]:
        for name, tensor in expected.items():
            expected[name] = DECAY * tensor + (1 - DECAY) * step[name]
    assert not equal(kept, steps[-1])
    for name, tensor in expected.items():
        torch.testing.assert_close(kept[name], tensor)
    # and validation judged the average, not the weights of the step
    assert validate(made) == pytest.approx((history[-1].val_loss, history[-1].val_accuracy), 1e-4)


def test_an_average_changes_nothing_in_the_training_itself(setup, tmp_path):
    plain, _ = train(setup(), tmp_path)
    averaged, _ = train(setup(), tmp_path, ema_decay=DECAY)
    assert [epoch.train_loss for epoch in plain] == [epoch.train_loss for epoch in averaged]


@pytest.mark.parametrize("ema_decay", [0.0, DECAY])
def test_best_keeps_the_weights_that_were_best(setup, tmp_path, ema_decay):
    made = setup(val_size=60)
    history, _ = train(made, tmp_path, keep="best", ema_decay=ema_decay, lr_max=0.3, peak_epoch=4)
    best = kept_epoch("best", history)
    assert best is not history[-1]  # else this shows nothing: at so high a rate the end is worse
    assert validate(made) == pytest.approx((best.val_loss, best.val_accuracy), 1e-4)
    metrics = summarize(RECIPE._replace(keep="best"), made.network, history)
    assert (metrics["kept_epoch"], metrics["val_loss"]) == (best.epoch, best.val_loss)


@pytest.mark.parametrize(
    ("accuracies", "losses", "expected"),
    [
        ((0.1, 0.3, 0.2), (9, 9, 1), 2),  # accuracy counts first
        ((0.3, 0.3, 0.2), (2, 1, 0), 2),  # then loss
        ((0.3, 0.3, 0.3), (1, 1, 1), 1),  # then the first
    ],
)
def test_the_best_epoch(accuracies, losses, expected):
    pairs = zip(accuracies, losses, strict=True)
    epochs = [Epoch(n, 0.1, 0, 0, loss, accuracy) for n, (accuracy, loss) in enumerate(pairs, 1)]
    assert kept_epoch("best", epochs).epoch == expected
    assert kept_epoch("last", epochs).epoch == 3
