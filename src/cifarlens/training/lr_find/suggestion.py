"""Reads lr_max and lr_min off the curve of a learning-rate range test (Smith 2017).

A pure function over the curve; how the curve is made is `range_test`'s business.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ...runtime.errors import UserError

SMOOTHING = 0.2  # standard deviation of the Gaussian, decades: batch noise goes, the shape stays
START = 0.5  # decades at the low end whose mean loss is where the loss comes from
BEGINS = 0.1  # share of the whole fall by which the loss has begun to fall
VALLEY = 0.15  # share of the fall below chance up to which the loss counts as in its valley
MIN_FALL = 0.05  # of the loss at the start; less is noise
MIN_POINTS = 20  # points
FULL_WIDTH = 64  # for which the factor is given
WIDTH_POWER = 2 / 3  # fits the sweeps at widths 16 and 64, see docs/recipe.md
RATES = ("lr_max", "lr_min", "lr_valley_start", "lr_valley_end")  # in metrics/lr_find.json


@dataclass(frozen=True)
class Suggestion:
    """What the curve says.

    Attributes:
        lr_max: a multiple of the middle of the valley, at most `lr_valley_end`.
        lr_min: the rate at which the loss begins to fall, at most `lr_max`.
        lr_valley_start: the rate by which the loss has made most of its fall below chance. The fall
            down to chance only undoes how large the first logits happen to be, which depends on the
            width.
        lr_valley_end: the rate at which the loss has clearly risen again. The rate of least loss in
            between wanders several-fold with weights and batches; the middle of the two slopes (on
            the log scale) wanders less than the worse of them.
        smooth: smoothed losses, one for each rate of the curve, none counted as more than the
            first ones. For the valley none counts as more than that of chance, so that its edges
            lie beside this curve by a little.
    """

    lr_max: float
    lr_min: float
    lr_valley_start: float
    lr_valley_end: float
    smooth: tuple[float, ...]

    def metrics(self) -> dict[str, float]:
        """What goes into metrics/lr_find.json."""
        rates = {name: getattr(self, name) for name in RATES}
        return {**rates, "steps": len(self.smooth)}


def suggest(
    lrs: Sequence[float],
    losses: Sequence[float],
    factor: float,
    *,
    width: int = FULL_WIDTH,
    classes: int = 10,
) -> Suggestion:
    """Finds both rates.

    A step of Adam moves what a fresh layer puts out in proportion to its inputs, so the valley of a
    wide network lies lower (Yang et al. 2022, arXiv:2203.03466), while the best peak of a whole
    cycle, which warms up and normalises every layer, moves less: hence the width in lr_max.

    Args:
        lrs: rates of the steps, rising, evenly spaced on a log scale.
        losses: finite losses at these steps.
        factor: lr_max as a multiple of the middle of the valley for `FULL_WIDTH`, above 0; for
            other widths in proportion to `width ** WIDTH_POWER`.
        width: of the network, `model.width`.
        classes: that chance chooses among.

    Raises:
        UserError: the curve is too short, never falls, or has not risen again at its end: nothing
            can be read off it, and no rate is made up.
    """
    if len(lrs) < MIN_POINTS or not np.isfinite(losses).all():
        raise _useless(
            f"has {len(lrs)} usable steps, fewer than {MIN_POINTS}", "lower lr_find.start"
        )
    at_start = np.log10(lrs) <= math.log10(lrs[0]) + START
    smooth = _smoothed(lrs, losses, top=np.asarray(losses)[at_start].max())
    start = float(smooth[at_start].mean())
    least = int(smooth.argmin())
    fall = start - float(smooth[least])
    if at_start[least] or fall < MIN_FALL * start:
        raise _useless(
            f"shows no loss that falls (from {start:.3g} to {smooth[least]:.3g})",
            "look at the data, or raise lr_find.stop or lr_find.steps",
        )
    begins = np.flatnonzero(smooth[:least] >= start - BEGINS * fall)
    # A network that stays worse than chance shows its fall from the start alone.
    chance = math.log(classes)
    learned = smooth[least] < (1 - MIN_FALL) * chance
    valley = _valley(lrs, losses, min(start, chance) if learned else start)
    middle = math.sqrt(valley[0]) * math.sqrt(valley[1])
    lr_max = min(factor * (width / FULL_WIDTH) ** WIDTH_POWER * middle, valley[1])
    lr_min = min(float(lrs[begins[-1] if len(begins) else 0]), lr_max)
    return Suggestion(lr_max, lr_min, *valley, tuple(smooth.tolist()))


def _smoothed(lrs: Sequence[float], losses: Sequence[float], top: float) -> NDArray[np.float64]:
    """Losses above the top count as the top.

    Where a network diverges, its last loss may be anything, and smoothing would carry it down into
    the valley.
    """
    spacing = float(np.diff(np.log10(lrs)).mean())
    cut = np.minimum(losses, top)
    smooth: NDArray[np.float64] = gaussian_filter1d(cut, SMOOTHING / spacing, mode="nearest")
    return smooth


def _valley(lrs: Sequence[float], losses: Sequence[float], top: float) -> tuple[float, float]:
    """The first rate of the valley, and the first beyond it; `top` is where the loss falls from."""
    smooth = _smoothed(lrs, losses, top)
    least = int(smooth.argmin())
    high = np.flatnonzero(smooth > smooth[least] + VALLEY * (top - smooth[least]))
    if not len(high) or high[-1] < least:
        raise _useless(
            f"shows a loss that has not risen again at its last rate, {lrs[-1]:.3g}",
            "raise lr_find.stop or lr_find.steps",
        )
    before = high[high < least]
    first = before[-1] + 1 if len(before) else 0
    return float(lrs[first]), float(lrs[high[high > least][0]])


def _useless(what: str, mend: str) -> UserError:
    return UserError(
        f"The learning-rate range test {what}, so no rate can be read off it: {mend}"
        " in params.yaml."
    )
