"""Reads lr_max and lr_min off the curve of a learning-rate range test.

`suggest` is a pure function of the curve, which `range_test` records. Source: Smith 2017.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ...runtime.errors import UserError

SMOOTHING = 0.2  # standard deviation of the Gaussian, in decades; it removes only batch noise
START_DECADES = 0.5  # at the low end; their mean loss is the initial loss
FALL_BEGINS = 0.1  # share of the fall at which the loss begins to fall
VALLEY_SHARE = 0.15  # of the fall; the valley is where the loss is less than this above its lowest
CLEAR_RISE = 0.3  # of the fall so far; the first valley ends there, if it has half of the depth
MIN_FALL = 0.05  # share of the initial loss; a smaller fall is noise
MIN_POINTS = 20
FULL_WIDTH = 64  # the width that the factor is for
WIDTH_POWER = 2 / 3  # fits the sweeps at widths 16 and 64, see docs/recipe.md
RATE_NAMES = ("lr_max", "lr_min", "lr_valley_start", "lr_valley_end")  # in metrics/lr_find.json


@dataclass(frozen=True)
class Suggestion:
    """Holds the learning rates that a curve suggests.

    Attributes:
        lr_max: a multiple of the middle of the valley, at most `lr_valley_end`.
        lr_min: the learning rate at which the loss begins to fall, at most `lr_max`.
        lr_valley_start: the learning rate at which the loss has made most of its fall below that of
            random guessing. The fall before that only reflects how large the initial logits are.
        lr_valley_end: the learning rate at which the loss has clearly risen again. The learning
            rate of the lowest loss varies several-fold with weights and batches; the middle of the
            two ends, on a log scale, varies less.
        smooth: smoothed losses, one per learning rate, capped at the initial loss. The valley is
            read off losses capped at the loss of random guessing, so its ends differ slightly.
    """

    lr_max: float
    lr_min: float
    lr_valley_start: float
    lr_valley_end: float
    smooth: tuple[float, ...]

    def metrics(self) -> dict[str, float]:
        """Returns the content of metrics/lr_find.json."""
        return {name: getattr(self, name) for name in RATE_NAMES}


def suggest(
    lrs: Sequence[float],
    losses: Sequence[float],
    factor: float,
    *,
    width: int = FULL_WIDTH,
    classes: int = 10,
) -> Suggestion:
    """Returns the learning rates that a curve suggests.

    A step of Adam changes the output of a new layer in proportion to its number of inputs, so a
    wider network has a lower valley (Yang et al. 2022, arXiv:2203.03466). The best peak of a cycle
    with warm-up and normalised layers moves less, so lr_max depends on the width too.

    Args:
        lrs: learning rates of the steps, rising, evenly spaced on a log scale.
        losses: finite losses at these steps.
        factor: lr_max as a multiple of the middle of the valley for `FULL_WIDTH`, above 0; other
            widths scale it in proportion to `width ** WIDTH_POWER`.
        width: width of the network, `model.width`.
        classes: number of classes, which sets the loss of random guessing.

    Raises:
        UserError: the curve is too short, never falls, or has not risen again at its end.
    """
    if len(lrs) < MIN_POINTS or not np.isfinite(losses).all():
        raise _curve_error(
            f"has {len(lrs)} usable steps; it needs at least {MIN_POINTS}", "Lower lr_find.start"
        )
    at_start = np.log10(lrs) <= math.log10(lrs[0]) + START_DECADES
    smooth = _smooth(lrs, losses, top=np.asarray(losses)[at_start].max())
    start = float(smooth[at_start].mean())
    lowest = int(smooth.argmin())
    fall = start - float(smooth[lowest])
    if at_start[lowest] or fall < MIN_FALL * start:
        raise _curve_error(
            f"shows no fall of the loss ({start:.3g} at first, {smooth[lowest]:.3g} at its lowest)",
            "Check the dataset, or raise lr_find.stop or lr_find.steps",
        )
    before_fall = np.flatnonzero(smooth[:lowest] >= start - FALL_BEGINS * fall)
    # If a network stays worse than random guessing, its fall counts from the initial loss.
    guessing = math.log(classes)
    learned = smooth[lowest] < (1 - MIN_FALL) * guessing
    valley = _valley(lrs, losses, min(start, guessing) if learned else start)
    middle = math.sqrt(valley[0]) * math.sqrt(valley[1])
    lr_max = min(factor * (width / FULL_WIDTH) ** WIDTH_POWER * middle, valley[1])
    lr_min = min(float(lrs[before_fall[-1] if len(before_fall) else 0]), lr_max)
    return Suggestion(lr_max, lr_min, *valley, tuple(smooth.tolist()))


def _smooth(lrs: Sequence[float], losses: Sequence[float], top: float) -> NDArray[np.float64]:
    """Caps the losses at `top` and smooths them.

    The last loss of a network that diverges has any size; smoothing would spread it into the
    valley.
    """
    spacing = float(np.diff(np.log10(lrs)).mean())
    capped = np.minimum(losses, top)
    smooth: NDArray[np.float64] = gaussian_filter1d(capped, SMOOTHING / spacing, mode="nearest")
    return smooth


def _valley(lrs: Sequence[float], losses: Sequence[float], top: float) -> tuple[float, float]:
    """Returns the first learning rate in the valley and the first after it.

    The loss falls from `top` into the valley.
    """
    smooth = _smooth(lrs, losses, top)
    # A second valley, at rates so high that weight decay shrinks the weights, does not last.
    low = np.minimum.accumulate(smooth)
    deep = top - low >= (top - low[-1]) / 2
    risen = np.flatnonzero(deep & (smooth > low + CLEAR_RISE * (top - low)))
    lowest = int(smooth[: risen[0] if len(risen) else None].argmin())
    high = np.flatnonzero(smooth > smooth[lowest] + VALLEY_SHARE * (top - smooth[lowest]))
    if not len(high) or high[-1] < lowest:
        raise _curve_error(
            f"ends at the learning rate {lrs[-1]:.3g} before the loss has risen again",
            "Raise lr_find.stop or lr_find.steps",
        )
    before = high[high < lowest]
    first = before[-1] + 1 if len(before) else 0
    return float(lrs[first]), float(lrs[high[high > lowest][0]])


def _curve_error(problem: str, fix: str) -> UserError:
    return UserError(
        f"The learning-rate range test {problem}, so it suggests no learning rate. {fix} in"
        " params.yaml."
    )
