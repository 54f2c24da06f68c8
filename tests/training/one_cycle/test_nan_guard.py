import re

import pytest
import torch

from cifarlens.runtime.errors import UserError
from cifarlens.training.module import Classifier
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.nan_guard import NanGuard, check_weights
from cifarlens.training.one_cycle.schedule import Recipe

RECIPE = Recipe(epochs=4, peak_epoch=1, lr_max=0.01, lr_min=0.0001)


def poison(monkeypatch, at, value):
    """Makes the loss `value` at one step, counted from 1; returns the steps that were begun."""
    real, begun = Classifier.training_step, []

    def training_step(self, batch, index):
        begun.append(index)
        loss = real(self, batch, index)
        return loss + value if len(begun) == at else loss

    monkeypatch.setattr(Classifier, "training_step", training_step)
    return begun


@pytest.mark.parametrize(("value", "shown"), [(torch.nan, "nan"), (torch.inf, "inf")])
def test_training_stops_at_the_very_step(setup, folders, monkeypatch, value, shown):
    begun = poison(monkeypatch, 5, value)  # the second step of the second epoch of three steps
    with pytest.raises(UserError) as error:
        fit(setup(), RECIPE, checkpoints=folders.checkpoints, logs=folders.logs)
    assert len(begun) == 5
    found = re.fullmatch(
        r"The loss is (\w+) at step 5 of 12 \(epoch 2 of 4\), at a learning rate of (0\.\d+): .*",
        str(error.value),
    )
    assert found[1] == shown
    assert 0.0001 < float(found[2]) < 0.01
    assert "lower lr_max" in str(error.value)
    assert [path.name for path in folders.checkpoints.iterdir()] == ["last.ckpt"]


def test_looking_rarely_still_names_the_step(setup, folders, monkeypatch):
    begun = poison(monkeypatch, 1, torch.nan)
    monkeypatch.setattr("cifarlens.training.one_cycle.fit.check_interval", lambda _: 20)
    with pytest.raises(UserError, match="at step 1 of 12"):
        fit(setup(), RECIPE, checkpoints=folders.checkpoints, logs=folders.logs)
    assert len(begun) == 3  # the epoch's end at the latest


def test_a_rate_beyond_sense(setup, folders):
    recipe = RECIPE._replace(lr_max=1e30, lr_min=1e30)
    with pytest.raises(UserError, match=r"at a learning rate of 1e\+30"):
        fit(setup(), recipe, checkpoints=folders.checkpoints, logs=folders.logs)


def test_weights_that_no_loss_has_seen(setup, folders, monkeypatch):
    made = setup()
    check_weights(made.network)
    name, tensor = list(made.network.named_parameters())[-1]

    def spoil(*_):
        tensor.data[0] = torch.nan

    monkeypatch.setattr(NanGuard, "on_train_end", spoil)
    with pytest.raises(UserError, match=rf"weights \({name}\) are not finite"):
        fit(made, RECIPE, checkpoints=folders.checkpoints, logs=folders.logs)
