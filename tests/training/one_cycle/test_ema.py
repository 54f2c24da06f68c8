"""Compares runs that keep an average or the best epoch with a computation by hand."""

from types import SimpleNamespace

import pytest
import torch
from one_of_several import held_out_metrics
from torch.utils._python_dispatch import TorchDispatchMode

from cifarlens.training.one_cycle.ema import WeightAverage, select_epoch
from cifarlens.training.one_cycle.fit import summarize
from cifarlens.training.one_cycle.history import Epoch, History
from cifarlens.training.one_cycle.schedule import Recipe

DECAY = 0.8


class Operations(TorchDispatchMode):
    """Records the names of PyTorch's operations."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.append(operation.name().partition(".")[0])
        return operation(*args, **(kwargs or {}))


def state(setup):
    return {name: tensor.clone() for name, tensor in setup.network.state_dict().items()}


def test_the_average_is_that_of_every_step(setup, train, monkeypatch):
    run, steps = setup(), []
    monkeypatch.setattr(
        History, "on_train_batch_end", lambda *_: steps.append(state(run)), raising=False
    )
    history = train(run, ema_decay=DECAY)
    averaged = state(run)
    expected = {name: t for name, t in steps[0].items() if t.is_floating_point()}  # no counters
    for step in steps[1:]:
        for name, tensor in expected.items():
            expected[name] = DECAY * tensor + (1 - DECAY) * step[name]
    for name, tensor in expected.items():
        torch.testing.assert_close(averaged[name], tensor)
    expected = pytest.approx(held_out_metrics(run, run.network), 1e-4)
    assert [history[-1].val_loss, history[-1].val_accuracy] == expected


def test_a_step_of_the_average_does_not_wait_for_the_device(setup):
    """A GPU waits where a number moves from or to it; one operation on all tensors moves none."""
    run, average = setup(), WeightAverage(DECAY)
    module = run.module(0.001, lambda optimizer: None)
    root = SimpleNamespace(root_device=torch.device("cpu"))
    average.setup(SimpleNamespace(strategy=root), module, "fit")
    for step in (1, 2):
        with Operations() as seen:
            average.on_train_batch_end(SimpleNamespace(global_step=step), module)
        assert set(seen.names) == {"aten::detach", "aten::_foreach_lerp_"}
        assert seen.names.count("aten::_foreach_lerp_") == 1


def test_the_run_keeps_the_weights_of_the_best_epoch(setup, train):
    run = setup(val_size=60)
    history = train(run, keep="best", lr_max=0.3, peak_epoch=4)
    best = select_epoch("best", history)
    assert best is not history[-1]  # so high a learning rate makes the last epochs worse
    expected = pytest.approx(held_out_metrics(run, run.network), 1e-4)
    assert [best.val_loss, best.val_accuracy] == expected
    metrics = summarize(Recipe(4, 4, 0.3, 0.0001, keep="best"), history)
    assert (metrics["kept_epoch"], metrics["val_loss"]) == (best.epoch, best.val_loss)


@pytest.mark.parametrize(
    ("accuracies", "losses", "expected"),
    [
        ((0.1, 0.3, 0.2), (9, 9, 1), 2),  # accuracy counts first
        ((0.3, 0.3, 0.2), (2, 1, 0), 2),  # then loss
        ((0.3, 0.3, 0.3), (1, 1, 1), 1),  # then the earliest epoch
    ],
)
def test_the_best_epoch(accuracies, losses, expected):
    pairs = zip(accuracies, losses, strict=True)
    epochs = [Epoch(n, 0.1, 0, 0, loss, accuracy) for n, (accuracy, loss) in enumerate(pairs, 1)]
    assert select_epoch("best", epochs).epoch == expected
    assert select_epoch("last", epochs).epoch == 3
