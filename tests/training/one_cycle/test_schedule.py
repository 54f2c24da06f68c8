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
    """The rate at every step."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr_min)
    schedule = one_cycle(optimizer, recipe, steps_per_epoch)
    found = []
    for _ in range(recipe.epochs * steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(found) < recipe.epochs * steps_per_epoch:
            schedule.step()
    return np.array(found)


def test_the_rate_at_every_step_of_the_default_recipe():
    recipe = Recipe(epochs=24, peak_epoch=5, lr_max=0.005, lr_min=0.00001)
    found = rates(recipe, 98)  # 50,000 images in batches of 512
    peak, last = 5 * 98 - 1, 24 * 98 - 1  # the last steps of epochs 5 and 24, counted from 0
    steps = [0, peak, last]
    expected = np.interp(np.arange(last + 1), steps, [recipe.lr_min, recipe.lr_max, recipe.lr_min])
    assert len(found) == 2352
    assert found.argmax() == peak == 489
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("epochs", "peak_epoch", "steps_per_epoch"),
    [(1, 1, 3), (3, 1, 1), (3, 3, 4), (1, 0.2, 10), (1, 0.01, 3), (24, 5, 3), (7, 2.5, 1)],
)
def test_every_cycle_starts_and_ends_at_lr_min_and_stays_in_the_range(
    epochs, peak_epoch, steps_per_epoch
):
    found = rates(Recipe(epochs, peak_epoch, 0.1, 0.001), steps_per_epoch)
    assert found[0] == pytest.approx(0.001)
    assert found.min() >= 0.001 * (1 - 1e-9)
    assert found.max() <= 0.1 * (1 + 1e-9)
    assert found[-1] == pytest.approx(0.001)


@pytest.mark.parametrize(("peak_epoch", "step"), [(1.06, 10), (2.26, 22), (0.5, 4), (2.96, 28)])
def test_a_peak_between_steps_is_taken_to_the_nearest(peak_epoch, step):
    found = rates(Recipe(3, peak_epoch, 0.1, 0.001), 10)
    assert found.argmax() == step
    assert found.max() == pytest.approx(0.1)


def test_too_few_steps_are_refused():
    with pytest.raises(UserError, match="raise epochs or lower batch_size"):
        rates(Recipe(1, 1, 0.1, 0.01), 2)


@pytest.mark.parametrize(
    ("epochs", "peak_epoch", "steps_per_epoch"), [(24, 5, 98), (3, 1, 1), (3, 3, 4), (3, 2.26, 10)]
)
def test_the_curve_is_what_the_schedule_gives(epochs, peak_epoch, steps_per_epoch):
    recipe = Recipe(epochs, peak_epoch, 0.1, 0.001)
    steps, curve = zip(*rate_curve(recipe, steps_per_epoch), strict=True)
    assert steps == tuple(range(1, epochs * steps_per_epoch + 1))
    np.testing.assert_allclose(curve, rates(recipe, steps_per_epoch), rtol=1e-7)


def test_the_curve_of_a_long_run_is_thinned_and_keeps_its_corners():
    steps, curve = zip(*rate_curve(Recipe(1000, 5, 0.1, 0.001), 25_000), strict=True)
    assert len(steps) <= MAX_POINTS + 2
    assert (steps[0], steps[-1]) == (1, 25_000_000)
    assert (curve[0], curve[-1]) == (0.001, 0.001)
    assert (max(curve), steps[np.argmax(curve)]) == (0.1, 125_000)


def choose(**changes):
    suggestion = {"lr_max": 0.004, "lr_min": 0.0001}
    given = {"epochs": 24, "peak_epoch": 5, "lr_max": "auto", "lr_min": "auto"}
    return choose_recipe(suggestion, **(given | changes))


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


def test_lr_min_above_the_found_lr_max():
    with pytest.raises(UserError, match=r"lr_min is 0.01, but must be at most lr_max, 0.004"):
        choose(lr_min=0.01)
