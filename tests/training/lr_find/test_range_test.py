import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cifarlens.params import MAX_SEED, LrFind
from cifarlens.training.data.datamodule import TrainImages
from cifarlens.training.lr_find.range_test import (
    Curve,
    _Record,
    mean_curve,
    range_test,
    repeat_settings,
)
from cifarlens.training.lr_find.suggestion import suggest


def test_the_curve_covers_the_range_and_ends_where_the_loss_diverges(setup):
    params = LrFind(start=1e-5, stop=100.0, steps=60, repeats=1, factor=2)
    curve = range_test(setup(batch_size=32), params)
    assert range_test(setup(batch_size=32, workers=2), params) == curve
    expected = np.geomspace(1e-5, 100.0, 60)[: len(curve.lrs)]
    np.testing.assert_allclose(curve.lrs, expected, rtol=1e-6)
    assert 30 < len(curve.lrs) < 60
    assert np.isfinite(curve.losses).all()


def test_rates_agree_across_seeds(setup):
    """200 images are few: eight seeds differ by 2.5 times; on CIFAR-10 they are closer together."""
    params = LrFind(start=1e-6, stop=1.0, steps=100, repeats=1, factor=2.2)
    curves = [range_test(setup(seed=seed, batch_size=32), params) for seed in range(3)]
    lr_maxs = [suggest(curve.lrs, curve.losses, 2.2, width=4).lr_max for curve in curves]
    assert max(lr_maxs) / min(lr_maxs) < 3


@pytest.mark.parametrize(
    ("losses", "stops"),
    [
        ([2.5, 2.4, 2.29, 2.25, 2.32, 2.35], False),  # only noise around the loss of chance, 2.30
        ([2.3, 2.0, *[1.0] * 5, *[2.9] * 3], False),  # a mean of 2.1
        ([2.3, 2.0, *[1.0] * 5, *[2.9] * 4], True),
        ([9.0, 8.0, 6.0, 5.0, 5.0, 5.0, 5.0], False),  # worse than chance throughout
        ([9.0, *[3.0] * 5, *[9.5] * 5], True),  # three times the lowest loss
        ([2.3, 2.2, math.nan], True),
    ],
)
def test_when_it_stops(losses, stops):
    trainer = SimpleNamespace(should_stop=False)
    record = _Record(classes=10, batch_size=64)
    for loss in losses:
        record.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)})
    assert trainer.should_stop == stops


@pytest.mark.parametrize("classes", [2, 4, 100, 200])
@pytest.mark.parametrize(("end", "stops"), [(0.95, False), (1.05, True)])
def test_it_stops_when_the_loss_returns_to_that_of_guessing_among_the_classes(classes, end, stops):
    trainer, record = SimpleNamespace(should_stop=False), _Record(classes, batch_size=512)
    for share in [0.8] * 5 + [end] * 5:
        record.on_train_batch_end(trainer, None, torch.tensor(share * math.log(classes)))
    assert trainer.should_stop == stops


@pytest.mark.parametrize(("batch_size", "stops"), [(64, True), (8, False)])
def test_small_batches_need_more_steps_to_show_more_than_noise(batch_size, stops):
    trainer, record = SimpleNamespace(should_stop=False), _Record(2, batch_size)
    for loss in [0.3] + [1.0] * 20 + [0.6] * 5 + [0.8] * 5:
        record.on_train_batch_end(trainer, None, torch.tensor(loss))
    assert trainer.should_stop == stops


@pytest.mark.parametrize(("batch_size", "sizes"), [(89, {89}), (90, {90}), (128, {128, 52})])
def test_a_small_last_step_of_an_epoch_is_left_out(setup, monkeypatch, batch_size, sizes):
    """180 images: the rests are 2, 0 and 52."""
    seen, load = set(), TrainImages.load
    monkeypatch.setattr(TrainImages, "load", lambda *call: seen.add(len(call[2])) or load(*call))
    range_test(
        setup(batch_size=batch_size), LrFind(start=1e-5, stop=1, steps=30, repeats=1, factor=2)
    )
    assert seen == sizes


def test_each_test_of_a_run_has_a_seed_of_its_own(setup):
    settings = setup().settings.model_copy(update={"seed": MAX_SEED - 5})
    tests = list(repeat_settings(settings, 100))
    assert tests[0] == settings
    assert len({test.seed for test in tests}) == 100
    assert all(0 <= test.seed <= MAX_SEED for test in tests)
    assert all(test.model_copy(update={"seed": settings.seed}) == settings for test in tests)


def test_the_largest_loss_of_a_curve_that_ended_early_continues_it():
    short, long = Curve((1e-3, 1e-2), (2.0, 1.0)), Curve((1e-3, 1e-2, 1e-1), (4.0, 1.5, 9.0))
    assert mean_curve([long, short]) == Curve(long.lrs, (3.0, 1.25, 5.5))
    assert mean_curve([long]) == long
    assert mean_curve([long, Curve((), ())]) == Curve((), ())
