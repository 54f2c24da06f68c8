import numpy as np
import pytest
import torch

from cifarlens.runtime.errors import UserError
from cifarlens.training.one_cycle.schedule import (
    MAX_POINTS,
    Recipe,
    choose_recipe,
    one_cycle,
    rate_curve,
)


def rates(recipe, steps_per_epoch):
    """Returns the learning rate at every step."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr_min)
    schedule = one_cycle(optimizer, recipe, steps_per_epoch)
    lrs = []
    for _ in range(recipe.epochs * steps_per_epoch):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(lrs) < recipe.epochs * steps_per_epoch:
            schedule.step()
    return np.array(lrs)


@pytest.mark.parametrize(
    ("epochs", "peak_epoch", "steps_per_epoch", "peak"),
    [
        (24, 5, 98, 490),  # the default: 50,000 images in batches of 512
        (1, 1, 3, 2),
        (3, 1, 1, 2),
        (3, 3, 4, 11),
        (1, 0.2, 10, 2),
        (1, 0.01, 3, 2),
        (7, 2.5, 1, 2),
        (3, 1.06, 10, 11),  # a peak between two steps is at the nearest
        (3, 2.96, 10, 29),
    ],
)
def test_the_learning_rate_of_every_step(epochs, peak_epoch, steps_per_epoch, peak):
    recipe, last = Recipe(epochs, peak_epoch, 0.005, 0.00001), epochs * steps_per_epoch
    expected = np.interp(np.arange(1, last + 1), [1, peak, last], [0.00001, 0.005, 0.00001])
    np.testing.assert_allclose(rates(recipe, steps_per_epoch), expected, rtol=1e-9)
    steps, curve = zip(*rate_curve(recipe, steps_per_epoch), strict=True)
    assert steps == tuple(range(1, last + 1))
    np.testing.assert_allclose(curve, expected, rtol=1e-7)


def test_too_few_steps_are_refused():
    with pytest.raises(UserError, match="Raise epochs or lower batch_size"):
        rates(Recipe(1, 1, 0.1, 0.01), 2)


def test_the_curve_of_a_long_run_is_thinned_and_keeps_its_corners():
    steps, curve = zip(*rate_curve(Recipe(1000, 5, 0.1, 0.001), 25_000), strict=True)
    assert len(steps) <= MAX_POINTS + 2
    assert (steps[0], steps[-1]) == (1, 25_000_000)
    assert (curve[0], curve[-1]) == (0.001, 0.001)
    assert (max(curve), steps[np.argmax(curve)]) == (0.1, 125_000)


def choose(**changes):
    suggestion = {"lr_max": 0.004, "lr_min": 0.0001}
    defaults = {"epochs": 24, "peak_epoch": 5, "lr_max": "auto", "lr_min": "auto"}
    return choose_recipe(suggestion, **(defaults | changes))


@pytest.mark.parametrize(
    ("lr_max", "lr_min", "expected"),
    [
        ("auto", "auto", (0.004, 0.0001)),
        (0.01, "auto", (0.01, 0.0001)),
        (0.00005, "auto", (0.00005, 0.00005)),
        ("auto", 0.002, (0.004, 0.002)),
        (1, 1, (1.0, 1.0)),
    ],
)
def test_auto_takes_the_suggestion_and_a_number_overrides_it(lr_max, lr_min, expected):
    recipe = choose(lr_max=lr_max, lr_min=lr_min, ema_decay=0.99, keep="best")
    assert recipe == (24, 5, *expected, 0.99, "best")


def test_the_peak_of_a_shorter_run_is_at_the_same_share():
    peaks = [choose(epochs=epochs, peak_epoch="auto").peak_epoch for epochs in (24, 12, 4)]
    assert peaks == [5, 2.5, 20 / 24]


def test_lr_min_above_the_suggested_lr_max_is_refused():
    with pytest.raises(
        UserError, match=r"lr_min is 0.01; it must be at most lr_max, which is 0.004"
    ):
        choose(lr_min=0.01)
