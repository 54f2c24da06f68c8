import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cifarlens.params import MAX_SEED, LrFind
from cifarlens.training.lr_find.range_test import Curve, _Record, mean_curve, range_test, repeated
from cifarlens.training.lr_find.suggestion import suggest

PARAMS = LrFind(start=1e-5, stop=1.0, steps=60, repeats=1, factor=2)
WHOLE = LrFind(start=1e-7, stop=1.0, steps=160, repeats=2, factor=2.2)


def test_the_curve_covers_the_range_and_gives_the_same_rates_again(setup):
    first = range_test(setup(), PARAMS)
    again = range_test(setup(workers=2), PARAMS)
    assert first == again
    expected = np.geomspace(1e-5, 1.0, 60)[: len(first.lrs)]
    np.testing.assert_allclose(first.lrs, expected, rtol=1e-6)
    assert len(first.lrs) > 40
    assert np.isfinite(first.losses).all()


def test_rates_agree_across_seeds(setup):
    """200 images are few; on CIFAR-10 the same rates lie closer together."""
    found = []
    for seed in range(3):
        tests = repeated(setup(seed=seed).settings, WHOLE.repeats)
        seeds = [each.seed for each in tests]
        runs = (setup(seed=each, batch_size=128, width=8) for each in seeds)
        whole = mean_curve([range_test(run, WHOLE) for run in runs])
        found.append(suggest(whole.lrs, whole.losses, WHOLE.factor, width=8).lr_max)
    assert max(found) / min(found) < 1.5


def test_it_stops_when_the_loss_diverges(setup):
    wide = LrFind(start=1e-5, stop=100.0, steps=60, repeats=1, factor=2)
    curve = range_test(setup(), wide)
    assert len(curve.lrs) < 60


@pytest.mark.parametrize(
    ("losses", "stops"),
    [
        ([2.5, 2.4, 2.29, 2.25, 2.32, 2.35], False),  # only noise around that of chance, 2.30
        ([2.3, 2.0, *[1.0] * 5, *[2.9] * 3], False),  # a mean of 2.1
        ([2.3, 2.0, *[1.0] * 5, *[2.9] * 4], True),
        ([9.0, 8.0, 6.0, 5.0, 5.0, 5.0, 5.0], False),  # worse than chance throughout
        ([9.0, *[3.0] * 5, *[9.5] * 5], True),  # three times the least
        ([2.3, 2.2, math.nan], True),
    ],
)
def test_when_it_stops(losses, stops):
    trainer = SimpleNamespace(should_stop=False)
    record = _Record(classes=10)
    for loss in losses:
        record.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)})
    assert trainer.should_stop == stops


def test_each_test_of_a_run_has_a_seed_of_its_own(setup):
    settings = setup().settings.model_copy(update={"seed": MAX_SEED - 5})
    tests = list(repeated(settings, 100))
    assert tests[0] == settings
    assert len({each.seed for each in tests}) == 100
    assert all(0 <= each.seed <= MAX_SEED for each in tests)
    assert all(each.model_copy(update={"seed": settings.seed}) == settings for each in tests)


def test_a_test_that_ended_early_counts_with_its_largest_loss():
    short, long = Curve((1e-3, 1e-2), (2.0, 1.0)), Curve((1e-3, 1e-2, 1e-1), (4.0, 1.5, 9.0))
    assert mean_curve([long, short]) == Curve(long.lrs, (3.0, 1.25, 5.5))
    assert mean_curve([long]) == long


def test_a_test_without_any_loss_leaves_no_mean():
    assert mean_curve([Curve((1e-3,), (2.0,)), Curve((), ())]) == Curve((), ())
