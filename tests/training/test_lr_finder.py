import numpy as np
import pytest

from cifarlens.errors import UserError
from cifarlens.training.lr_finder import suggest

LRS = np.geomspace(1e-5, 1, 140)


def curve(falls=1e-4, least=1e-2, start=2.3, end=1.6, noise=0.0, seed=0):
    """Flat to `falls`, a straight line on the log scale down to `least`, then up again."""
    decades = np.log10([1e-5, falls, least, 1.0])
    losses = np.interp(np.log10(LRS), decades, [start, start, end, start])
    return losses + noise * np.random.default_rng(seed).standard_normal(len(LRS))


@pytest.mark.parametrize("least", [1e-3, 3e-3, 1e-2])
def test_a_known_knee(least):
    found = suggest(LRS, curve(least=least), factor=0.25)
    knee = 10 ** (np.log10(least) - 0.1 * (np.log10(least) + 4))  # 90% down a straight line
    assert found.lr_knee == pytest.approx(knee, rel=0.25)
    assert found.lr_max == pytest.approx(0.25 * found.lr_knee)


def test_lr_max_stays_below_the_rate_of_least_loss():
    assert suggest(LRS, curve(least=1e-2), factor=10).lr_max == pytest.approx(1e-2, rel=0.2)


@pytest.mark.parametrize("falls", [5e-5, 1e-4, 1e-3])
def test_where_the_fall_begins(falls):
    found = suggest(LRS, curve(falls=falls, least=5e-2), factor=0.5)
    assert falls * 0.8 < found.lr_min < falls * 2.5


def test_batch_noise_moves_lr_max_by_less_than_a_factor_of_one_and_a_half():
    found = [suggest(LRS, curve(noise=0.05, seed=s), factor=0.25).lr_max for s in range(30)]
    assert max(found) / min(found) < 1.5


def test_the_same_curve_gives_the_same_rates():
    assert suggest(LRS, curve(noise=0.1), 0.25) == suggest(LRS, curve(noise=0.1), 0.25)


def test_lr_min_never_exceeds_lr_max():
    found = suggest(LRS, curve(falls=9e-3, least=1e-2), factor=0.01)
    assert found.lr_min == found.lr_max


@pytest.mark.parametrize(
    ("lrs", "losses", "words"),
    [
        (LRS[:5], curve()[:5], "has 5 usable steps"),
        (LRS[:0], curve()[:0], "has 0 usable steps"),
        (LRS, np.full(140, 2.3), "shows no loss that falls"),
        (LRS, np.linspace(2.3, 9, 140), "shows no loss that falls"),
        (LRS, np.linspace(2.3, 1.0, 140), "still falls at its last rate"),
        (LRS, np.where(LRS > 0.5, np.nan, 2.3), "usable steps"),
    ],
)
def test_a_curve_that_says_nothing_is_an_error_and_no_rate_is_made_up(lrs, losses, words):
    with pytest.raises(UserError, match=words) as caught:
        suggest(lrs, losses, 0.25)
    assert "lr_find." in str(caught.value)
