"""Reads lr_max and lr_min off the curve of a learning-rate range test (Smith 2017).

A pure function over the curve; how the curve is made is `range_test`'s business.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..errors import UserError

SMOOTHING = 0.2  # standard deviation of the Gaussian, decades: batch noise goes, the shape stays
START = 0.5  # decades at the low end whose mean loss is where the loss comes from
BEGINS = 0.1  # share of the whole fall by which the loss has begun to fall
VALLEY = 0.15  # share of the fall below chance up to which the loss counts as in its valley
LEAST_FALL = 0.05  # of the loss at the start; less is noise
FEWEST = 20  # points
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
            between wanders several-fold with weights and batches; the middle (on the log scale) of
            the two slopes wanders less than either.
        smooth: smoothed losses, one for each rate of the curve.
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
        UserError: the curve is too short, never falls, or still falls at its end: nothing
            can be read off it, and no rate is made up.
    """
    if len(lrs) < FEWEST or not np.isfinite(losses).all():
        raise _useless(f"has {len(lrs)} usable steps, fewer than {FEWEST}", "lower lr_find.start")
    decades = np.log10(lrs)
    spacing = float(np.diff(decades).mean())
    smooth = gaussian_filter1d(np.asarray(losses, float), SMOOTHING / spacing, mode="nearest")
    least = int(smooth.argmin())
    at_start = decades <= decades[0] + START
    start = float(smooth[at_start].mean())
    fall = start - float(smooth[least])
    if at_start[least] or fall < LEAST_FALL * start:
        raise _useless(
            f"shows no loss that falls (from {start:.3g} to {smooth[least]:.3g})",
            "look at the data, or raise lr_find.stop or lr_find.steps",
        )
    above = np.flatnonzero(smooth[:least] >= start - BEGINS * fall)
    # A network that stays worse than chance shows its fall from the start alone.
    chance = math.log(classes)
    below = min(start, chance) - float(smooth[least]) if chance > smooth[least] else fall
    high = np.flatnonzero(smooth > smooth[least] + VALLEY * below)
    lr_valley_start = float(lrs[high[high < least][-1] + 1])
    risen = high[high > least]
    if not len(risen) and decades[-1] - decades[least] < SMOOTHING:
        raise _useless(f"still falls at its last rate, {lrs[-1]:.3g}", "raise lr_find.stop")
    lr_valley_end = float(lrs[risen[0]] if len(risen) else lrs[-1])
    middle = math.sqrt(lr_valley_start) * math.sqrt(lr_valley_end)
    lr_max = min(factor * (width / FULL_WIDTH) ** WIDTH_POWER * middle, lr_valley_end)
    lr_min = min(float(lrs[above[-1] if len(above) else 0]), lr_max)
    return Suggestion(lr_max, lr_min, lr_valley_start, lr_valley_end, tuple(smooth.tolist()))


def _useless(what: str, mend: str) -> UserError:
    return UserError(
        f"The learning-rate range test {what}, so no rate can be read off it: {mend}"
        " in params.yaml."
    )
