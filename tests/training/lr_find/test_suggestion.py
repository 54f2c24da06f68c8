import math

import numpy as np
import pytest

from cifarlens.runtime.errors import UserError
from cifarlens.training.lr_find.suggestion import suggest

LRS = np.geomspace(1e-5, 1, 140)


def curve(falls=1e-4, lowest=1e-2, start=2.3, end=1.6):
    """Returns losses, flat to `falls`, linear on a log scale down to `lowest`, then up again."""
    decades = np.log10([1e-5, falls, lowest, 1.0])
    return np.interp(np.log10(LRS), decades, [start, start, end, start])


@pytest.mark.parametrize(("low", "high"), [(2e-3, 3e-3), (2e-3, 1e-2), (5e-3, 8e-3)])
def test_a_known_valley(low, high):
    decades = np.log10([low / 100, low, high, high * 100])  # two decades down, two up
    losses = np.interp(np.log10(LRS), decades, [2.3, 1.6, 1.6, 2.3])
    suggestion = suggest(LRS, losses, factor=0.25)
    assert suggestion.lr_valley_start == pytest.approx(low / 100**0.15, rel=0.25)  # 85% down
    assert suggestion.lr_valley_end == pytest.approx(high * 100**0.15, rel=0.25)
    middle = np.sqrt(suggestion.lr_valley_start * suggestion.lr_valley_end)
    assert suggestion.lr_max == pytest.approx(0.25 * middle)
    assert middle == pytest.approx(np.sqrt(low * high), rel=0.05)


def test_lr_max_stays_where_the_loss_has_not_risen_again():
    edge = 1e-2 * 10**0.3  # 15% of the way up, and smoothing moves it on
    suggestion = suggest(LRS, curve(lowest=1e-2), factor=99)
    assert edge < suggestion.lr_max == suggestion.lr_valley_end < 1.5 * edge


@pytest.mark.parametrize("last", [9.0, 1e4, 1e30])
def test_how_far_the_last_losses_explode_does_not_matter(last):
    calm, exploding = curve(lowest=5e-3)[:110], curve(lowest=5e-3)[:110]
    exploding[-3:], calm[-3:] = last, 2.4
    assert suggest(LRS[:110], exploding, 2) == suggest(LRS[:110], calm, 2)


@pytest.mark.parametrize(("end", "learned"), [(2.4, False), (2.2, False), (1.6, True)])
def test_the_whole_fall_counts_for_a_network_that_stays_near_chance(end, learned):
    falls = np.interp(np.log10(LRS), [-5, -4, -3, -2, -1], [4, 4, 2.5, end, 4])
    assert (suggest(LRS, falls, 2).lr_valley_start > 2e-3) == learned


@pytest.mark.parametrize(("first", "is_valley"), [(1.6, True), (2.1, False)])
def test_the_first_of_two_deep_valleys_counts(first, is_valley):
    """Weight decay at high learning rates can lower the loss again."""
    decades = [-5, -4, -3, -2, -1, 0]
    losses = np.interp(np.log10(LRS), decades, [2.3, 2.3, first, 2.2, 1.5, 2.3])
    suggestion = suggest(LRS, losses, 1)
    assert (suggestion.lr_max < 2e-3) == (suggestion.lr_valley_end < 1e-2) == is_valley


@pytest.mark.parametrize("classes", [2, 4, 100, 200])
def test_the_level_of_chance_is_that_of_the_number_of_classes(classes):
    """The first logits are large, so the loss falls to that of guessing before any learning."""
    scale = math.log(classes) / math.log(10)
    large = curve() + np.interp(np.log10(LRS), [-5, -4], [3, 0])
    actual = suggest(LRS, scale * large, 0.25, classes=classes)
    expected = suggest(LRS, large, 0.25)
    assert actual.metrics() == pytest.approx(expected.metrics())


def test_a_factor_is_for_the_full_width():
    suggestions = [suggest(LRS, curve(), 0.4, width=width) for width in (16, 32, 64)]
    middle = np.sqrt(suggestions[0].lr_valley_start * suggestions[0].lr_valley_end)
    assert [each.lr_max for each in suggestions] == pytest.approx(
        [0.4 * middle / 4 ** (2 / 3), 0.4 * middle / 2 ** (2 / 3), 0.4 * middle]
    )


def test_the_size_of_the_initial_logits_does_not_matter():
    """A steep fall down to the loss of chance does not move the valley."""
    large = curve() + np.interp(np.log10(LRS), [-5, -4], [3, 0])
    actual, expected = (suggest(LRS, losses, 0.25).metrics() for losses in (large, curve()))
    assert actual == expected | {"lr_min": actual["lr_min"]}


@pytest.mark.parametrize("falls", [5e-5, 1e-4, 1e-3])
def test_where_the_fall_begins(falls):
    suggestion = suggest(LRS, curve(falls=falls, lowest=5e-2), factor=0.5)
    assert falls * 0.8 < suggestion.lr_min < falls * 2.5


def test_lr_min_never_exceeds_lr_max():
    suggestion = suggest(LRS, curve(falls=9e-3, lowest=1e-2), factor=0.01)
    assert suggestion.lr_min == suggestion.lr_max


@pytest.mark.parametrize(
    ("lrs", "losses", "message"),
    [
        (LRS[:5], curve()[:5], "has 5 usable steps"),
        (LRS[:0], curve()[:0], "has 0 usable steps"),
        (LRS, np.full(140, 2.3), "shows no fall of the loss"),
        (LRS, np.linspace(2.3, 9, 140), "shows no fall of the loss"),
        (
            LRS[:85],
            curve(lowest=5e-3)[:85],
            r"ends at the learning rate 0\.0105 before the loss has risen again",
        ),
        (LRS, np.where(LRS > 0.5, np.nan, 2.3), "usable steps"),
    ],
)
def test_a_curve_without_a_valley_is_an_error_and_no_rate_is_invented(lrs, losses, message):
    with pytest.raises(UserError, match=message) as caught:
        suggest(lrs, losses, 0.25)
    assert "lr_find." in str(caught.value)
