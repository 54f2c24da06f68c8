"""The learning rate at every step: one cycle, linear up and linear down."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from ...runtime.errors import UserError

MAX_POINTS = 4000  # of a cycle, for a chart: more cannot be told apart


class Recipe(NamedTuple):
    """How long to train, at which rates, and what to keep.

    Attributes:
        epochs: passes over the train images.
        peak_epoch: at whose end the rate is highest; need not be whole.
        lr_max: the highest rate.
        lr_min: the first and the last.
        ema_decay: of the running average of the weights, a step; 0 for none.
        keep: `last` or `best`, as `kept_epoch` takes it.
    """

    epochs: int
    peak_epoch: float
    lr_max: float
    lr_min: float
    ema_decay: float = 0.0
    keep: str = "last"


def one_cycle(optimizer: Optimizer, recipe: Recipe, steps_per_epoch: int) -> LRScheduler:
    """From lr_min up to lr_max and down again to lr_min, without annihilation.

    The rate is lr_min at the first and the last step, and lr_max at the last step of the peak
    epoch (one step earlier if that is the run's last; the nearest step if it is not whole).

    Source: Smith 2018, "A disciplined approach to neural network hyper-parameters".

    Raises:
        UserError: the run has fewer than three steps, too few to rise and fall.
    """
    steps, peak = recipe.epochs * steps_per_epoch, _peak(recipe, steps_per_epoch)
    if steps < 3:
        raise UserError(
            f"params.yaml: epochs and batch_size leave a run of {steps} step(s), but a cycle of"
            " rates needs at least 3: raise epochs or lower batch_size."
        )
    return OneCycleLR(
        optimizer,
        max_lr=recipe.lr_max,
        total_steps=steps,
        pct_start=peak / steps,
        anneal_strategy="linear",
        div_factor=recipe.lr_max / recipe.lr_min,
        final_div_factor=1.0,
        cycle_momentum=False,
    )


def rate_curve(recipe: Recipe, steps_per_epoch: int) -> list[tuple[int, float]]:
    """The steps of `one_cycle`, counted from 1, and their rates, for a chart.

    Of a run with more than `MAX_POINTS` steps evenly spaced ones, with first, highest and last.
    """
    last, peak = recipe.epochs * steps_per_epoch, _peak(recipe, steps_per_epoch)
    every = -(-last // MAX_POINTS)
    steps = np.array(sorted({*range(1, last + 1, every), peak, last}))
    rates = np.interp(steps, [1, peak, last], [recipe.lr_min, recipe.lr_max, recipe.lr_min])
    return [
        (step, float(f"{rate:.8g}"))  # without the noise of the last bits
        for step, rate in zip(steps.tolist(), rates.tolist(), strict=True)
    ]


def _peak(recipe: Recipe, steps_per_epoch: int) -> int:
    """The step of lr_max, counted from 1; one is left on either side for lr_min."""
    steps = recipe.epochs * steps_per_epoch
    return min(max(round(recipe.peak_epoch * steps_per_epoch), 2), steps - 1)


def choose_recipe(
    suggestion: Mapping[str, float],
    *,
    epochs: int,
    peak_epoch: float,
    lr_max: float | str,
    lr_min: float | str,
    ema_decay: float = 0.0,
    keep: str = "last",
) -> Recipe:
    """Settles the rates: `auto` takes the rate that lr_find suggests, a number overrides it.

    Args:
        suggestion: content of metrics/lr_find.json; `lr_max` and `lr_min` are used.
        epochs: as in params.yaml, and so are the rest.

    Raises:
        UserError: lr_min is above lr_max once both are known.
    """
    high = suggestion["lr_max"] if isinstance(lr_max, str) else float(lr_max)
    # A chosen peak may lie below where the loss begins to fall.
    low = min(suggestion["lr_min"], high) if isinstance(lr_min, str) else float(lr_min)
    if low > high:
        raise UserError(
            f"params.yaml: lr_min is {low:g}, but must be at most lr_max, {high:g}, which lr_find"
            " found; change one of them and run again."
        )
    return Recipe(epochs, peak_epoch, high, low, ema_decay, keep)
