"""Reads lr_max and lr_min off the curve of a learning-rate range test (Smith 2017).

A pure function over the curve; how the curve is made is `range_test`'s business.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..errors import UserError

SMOOTHING = 0.12  # standard deviation of the Gaussian, decades: batch noise goes, the valley stays
START = 0.5  # decades at the low end whose mean loss is where the loss comes from
BEGINS = 0.1  # share of the whole fall by which the loss has begun to fall
VALLEY = 0.1  # share of the fall above the least loss that still belongs to the valley
LEAST_FALL = 0.05  # of the loss at the start; less is noise
FEWEST = 20  # points


@dataclass(frozen=True)
class Suggestion:
    """What the curve says.

    Attributes:
        lr_max: a fraction of `lr_valley`.
        lr_min: the rate at which the loss begins to fall, at most `lr_max`.
        lr_valley: middle, on the log scale, of the rates around the least smoothed loss whose loss
            is nearly as low: the least itself wanders with the noise of the batches.
        smooth: smoothed losses, one for each rate of the curve.
    """

    lr_max: float
    lr_min: float
    lr_valley: float
    smooth: tuple[float, ...]

    def metrics(self) -> dict[str, float]:
        """What goes into metrics/lr_find.json."""
        rates = {name: getattr(self, name) for name in ("lr_max", "lr_min", "lr_valley")}
        return {**rates, "steps": len(self.smooth)}


def suggest(lrs: Sequence[float], losses: Sequence[float], fraction: float) -> Suggestion:
    """Finds both rates.

    Args:
        lrs: rates of the steps, rising, evenly spaced on a log scale.
        losses: finite losses at these steps.
        fraction: lr_max as a share of the rate of least loss, above 0, at most 1.

    Raises:
        UserError: the curve is too short, never falls, or still falls at its end: nothing
            can be read off it, and no rate is made up.
    """
    if len(lrs) < FEWEST or not np.isfinite(losses).all():
        raise _useless(f"has {len(lrs)} usable steps, fewer than {FEWEST}", "raise lr_find.steps")
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
            "raise lr_find.stop or lr_find.steps, or look at the data",
        )
    if decades[-1] - decades[least] < SMOOTHING:
        raise _useless(f"still falls at its last rate, {lrs[-1]:.3g}", "raise lr_find.stop")
    above = np.flatnonzero(smooth[:least] >= start - BEGINS * fall)
    valley = _around(least, smooth <= smooth[least] + VALLEY * fall)
    middle = float(10 ** decades[valley].mean())
    lr_max = fraction * middle
    lr_min = min(float(lrs[above[-1] if len(above) else 0]), lr_max)
    return Suggestion(lr_max, lr_min, middle, tuple(smooth.tolist()))


def _around(place: int, inside: np.ndarray) -> slice:
    """The unbroken run of true values that holds `place`."""
    outside = np.flatnonzero(~inside)
    first = outside[outside < place].max(initial=-1) + 1
    last = outside[outside > place].min(initial=len(inside))
    return slice(first, last)


def _useless(what: str, mend: str) -> UserError:
    return UserError(
        f"The learning-rate range test {what}, so no rate can be read off it: {mend},"
        " or set lr_max and lr_min to numbers."
    )
