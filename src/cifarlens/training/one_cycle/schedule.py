"""Computes the learning rate of every step: one cycle, linear up and linear down."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from ...runtime.errors import UserError

PEAK = 5 / 24  # share of the epochs before the peak, if peak_epoch is auto
MAX_POINTS = 4000  # per cycle in a chart; more would overlap


class Recipe(NamedTuple):
    """Says how long to train, at which learning rates, and which weights to keep.

    Attributes:
        epochs: passes over the training images.
        peak_epoch: epoch at whose end the learning rate is highest; may be a fraction.
        lr_max: highest learning rate.
        lr_min: first and last learning rate.
        ema_decay: decay per step of the exponential moving average of the weights; 0 for none.
        keep: `last` or `best`, see `select_epoch`.
    """

    epochs: int
    peak_epoch: float
    lr_max: float
    lr_min: float
    ema_decay: float = 0.0
    keep: str = "last"


def one_cycle(optimizer: Optimizer, recipe: Recipe, steps_per_epoch: int) -> LRScheduler:
    """Returns a schedule from lr_min up to lr_max and back down to lr_min, without annihilation.

    The learning rate is lr_min at the first and the last step, and lr_max at the last step of the
    peak epoch (at the nearest step for a fraction; one step earlier if that is the run's last).

    Source: Smith 2018, "A disciplined approach to neural network hyper-parameters".

    Raises:
        UserError: the run has fewer than three steps, too few to rise and fall.
    """
    steps, peak = recipe.epochs * steps_per_epoch, _peak(recipe, steps_per_epoch)
    if steps < 3:
        raise UserError(
            f"params.yaml: epochs is {recipe.epochs}, and an epoch has {steps_per_epoch} training"
            f" steps at this batch_size; a run needs at least 3 steps, not {steps}. Raise epochs or"
            " lower batch_size and run again."
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
    """Returns the steps of `one_cycle`, from 1, and their learning rates, for a chart.

    Thins out a run of more than `MAX_POINTS` steps evenly, but keeps the first, peak and last one.
    """
    last, peak = recipe.epochs * steps_per_epoch, _peak(recipe, steps_per_epoch)
    every = -(-last // MAX_POINTS)
    steps = np.array(sorted({*range(1, last + 1, every), peak, last}))
    rates = np.interp(steps, [1, peak, last], [recipe.lr_min, recipe.lr_max, recipe.lr_min])
    return [
        (step, float(f"{rate:.8g}"))  # drops rounding errors in the last bits
        for step, rate in zip(steps.tolist(), rates.tolist(), strict=True)
    ]


def _peak(recipe: Recipe, steps_per_epoch: int) -> int:
    """Returns the step of lr_max, from 1; at least one step before and after it has lr_min."""
    steps = recipe.epochs * steps_per_epoch
    return min(max(round(recipe.peak_epoch * steps_per_epoch), 2), steps - 1)


def choose_recipe(
    suggestion: Mapping[str, float],
    *,
    epochs: int,
    peak_epoch: float | str,
    lr_max: float | str,
    lr_min: float | str,
    ema_decay: float = 0.0,
    keep: str = "last",
) -> Recipe:
    """Resolves `auto`: of the learning rates to the suggestion of lr_find, of the peak to 5/24.

    The arguments after `suggestion` are as in params.yaml.

    Args:
        suggestion: content of metrics/lr_find.json; `lr_max` and `lr_min` are used.

    Raises:
        UserError: lr_min is above the resolved lr_max.
    """
    high = suggestion["lr_max"] if isinstance(lr_max, str) else float(lr_max)
    # An lr_max from params.yaml may be below the suggested lr_min.
    low = min(suggestion["lr_min"], high) if isinstance(lr_min, str) else float(lr_min)
    if low > high:
        raise UserError(
            f"params.yaml: lr_min is {low:g}; it must be at most lr_max, which is {high:g} as"
            " lr_find suggests. Change either and run again."
        )
    return Recipe(epochs, resolve_peak(peak_epoch, epochs), high, low, ema_decay, keep)


def resolve_peak(peak_epoch: float | str, epochs: int) -> float:
    """Returns the peak epoch; `auto` is the same share of the epochs as 5 of 24."""
    return PEAK * epochs if isinstance(peak_epoch, str) else peak_epoch
