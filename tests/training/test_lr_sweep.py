import numpy as np

from cifarlens.params import LrFind
from cifarlens.training.lr_finder import suggest
from cifarlens.training.lr_sweep import range_test

PARAMS = LrFind(start=1e-5, stop=1.0, steps=60, factor=10)
WHOLE = LrFind(start=1e-5, stop=1.0, steps=140, factor=10)


def test_the_curve_covers_the_range_and_gives_the_same_rates_again(parts):
    first = range_test(parts(), PARAMS)
    again = range_test(parts(workers=2), PARAMS)
    assert first == again
    expected = np.geomspace(1e-5, 1.0, 60)[: len(first.lrs)]
    np.testing.assert_allclose(first.lrs, expected, rtol=1e-6)
    assert len(first.lrs) > 40
    assert np.isfinite(first.losses).all()


def test_rates_agree_across_seeds(parts):
    """200 images are few; on CIFAR-10 the same rates lie closer together."""
    found = []
    for seed in range(3):
        whole = range_test(parts(seed=seed, batch_size=128, width=8), WHOLE)
        found.append(suggest(whole.lrs, whole.losses, WHOLE.factor, width=8).lr_max)
    assert max(found) / min(found) < 1.5


def test_it_stops_when_the_loss_diverges(parts):
    wide = LrFind(start=1e-5, stop=100.0, steps=60, factor=10)
    curve = range_test(parts(), wide)
    assert len(curve.lrs) < 60
