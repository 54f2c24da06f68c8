import re

import pytest
import torch

from cifarlens.runtime.errors import UserError
from cifarlens.training.module import Classifier
from cifarlens.training.one_cycle.nan_guard import NanGuard, check_weights


def poison(monkeypatch, step, value):
    """Adds `value` to the loss of one step, from 1; returns a list with an entry per step begun."""
    training_step, steps = Classifier.training_step, []

    def poisoned_step(self, batch, index):
        steps.append(index)
        loss = training_step(self, batch, index)
        return loss + value if len(steps) == step else loss

    monkeypatch.setattr(Classifier, "training_step", poisoned_step)
    return steps


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_training_stops_at_the_step_of_the_loss(setup, train, tmp_path, monkeypatch, value):
    steps = poison(monkeypatch, 5, float(value))  # second step of epoch 2, which has three steps
    with pytest.raises(UserError) as error:
        train(setup())
    assert len(steps) == 5
    match = re.fullmatch(
        rf"The loss is {value} at step 5 of 12 \(epoch 2 of 4\), at a learning rate of (0\.\d+)\."
        " Lower lr_max .*",
        str(error.value),
    )
    assert 0.0001 < float(match[1]) < 0.01
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["last.ckpt"]


def test_rare_checks_still_name_the_step(setup, train, monkeypatch):
    steps = poison(monkeypatch, 1, torch.nan)
    monkeypatch.setattr("cifarlens.training.one_cycle.fit.check_interval", lambda _: 20)
    with pytest.raises(UserError, match="at step 1 of 12"):
        train(setup())
    assert len(steps) == 3  # the end of the epoch checks in any case


def test_weights_after_the_last_step_are_checked(setup, train, monkeypatch):
    run = setup()
    check_weights(run.network)
    name, tensor = list(run.network.named_parameters())[-1]

    def spoil(*_):
        tensor.data[0] = torch.nan

    monkeypatch.setattr(NanGuard, "on_train_end", spoil)
    with pytest.raises(UserError, match=rf"weights \({name}\) are not finite"):
        train(run, epochs=1)
