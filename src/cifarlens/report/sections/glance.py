"""Prepares the first section: the result, the goal and the recipe."""

from typing import Any

from ...evaluation.metrics import wilson_interval
from ...sources import SOURCES
from ...training.recipe import describe_recipe
from ..run import Run

SWITCHES = {"norm_first": "normalisation before ReLU"}  # options of a network that are on or off


def glance_section(run: Run) -> dict[str, Any]:
    """Returns the values for glance.html.j2."""
    result, train, params = run.result, run.train, run.params
    goal = SOURCES[run.source].goal
    low, high = wilson_interval(result.correct, result.images)
    return {
        "low": low,
        "high": high,
        "goal": goal,
        "met": goal is not None and result.accuracy >= goal,
        "gap": train["train_accuracy"] - result.accuracy,
        "origin": {
            "lr_max": _origin(params.lr_max, train["lr_max"], run.finder["lr_max"]),
            "lr_min": _origin(params.lr_min, train["lr_min"], run.finder["lr_min"]),
        },
        "recipe": _recipe(run),
    }


def _origin(parameter: float | str, used: float, suggested: float) -> str:
    """Returns where a learning rate comes from, given its value in params.yaml."""
    if parameter != "auto":
        return "set in params.yaml"
    return "auto: suggested by lr_find" if used == suggested else "auto: lowered to lr_max"


def _recipe(run: Run) -> dict[str, str]:
    params = run.params
    options = sorted(run.config.arguments.items(), reverse=True)  # width first
    return {
        "Network": ", ".join(_describe_option(name, value) for name, value in options),
        **describe_recipe(
            epochs=params.epochs,
            batch_size=params.batch_size,
            ema_decay=params.ema_decay,
            peak_epoch=params.peak_epoch,
            augment=params.augment,
            optimizer=params.optimizer,
            loss=params.loss,
            train=run.train,
        ),
        "Held out": f"{params.val_size:,} training images" if params.val_size else "no images",
        "Seed": f"{params.seed}",
    }


def _describe_option(name: str, value: float) -> str:
    """Returns an option of the network and its value in words."""
    if isinstance(value, bool):
        return f"{SWITCHES.get(name, name)}: {'yes' if value else 'no'}"
    return f"{name} {value:g}"
