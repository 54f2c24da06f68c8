"""The report's first section: the result, the goal, and the settings that led there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...evaluation.metrics import Evaluation, wilson_interval
from ...params import Augment, Loss, Optimizer
from ...training.recipe import describe_recipe

GOALS = {"cifar10": 0.90}  # test accuracy


@dataclass(frozen=True)
class Settings:
    """Parameters of the run, named as in params.yaml."""

    seed: int
    batch_size: int
    peak_epoch: float
    lr_max: float | str
    lr_min: float | str
    val_size: int
    augment: Augment
    optimizer: Optimizer
    loss: Loss


def glance_section(
    source: str,
    result: Evaluation,
    settings: Settings,
    train: Mapping[str, Any],
    finder: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """What glance.html.j2 shows.

    Args:
        source: of the data, `data.source`.
        result: of the test images.
        settings: of the run.
        train: content of metrics/train.json.
        finder: content of metrics/lr_find.json.
        arguments: of the network's constructor.
    """
    goal = GOALS.get(source)
    low, high = wilson_interval(result.correct, result.images)
    return {
        "low": low,
        "high": high,
        "goal": goal,
        "met": goal is not None and result.accuracy >= goal,
        "gap": train["train_accuracy"] - result.accuracy,
        "origin": {
            name: origin(getattr(settings, name), train[name], finder[name])
            for name in ("lr_max", "lr_min")
        },
        "recipe": _recipe(settings, train, arguments),
    }


def origin(asked: float | str, used: float, found: float) -> str:
    """Where a rate of the run comes from, given its line in params.yaml."""
    if asked != "auto":
        return "set by hand in params.yaml"
    return "auto: found by lr_find" if used == found else "auto: lowered to lr_max"


def _recipe(
    settings: Settings, train: Mapping[str, Any], arguments: Mapping[str, Any]
) -> dict[str, str]:
    options = sorted(arguments.items(), reverse=True)  # width first
    held_out = f"{settings.val_size:,} train images" if settings.val_size else "no images"
    return {
        "Network": ", ".join(f"{name} {_plain(value)}" for name, value in options),
        **describe_recipe(
            batch_size=settings.batch_size,
            peak_epoch=settings.peak_epoch,
            augment=settings.augment,
            optimizer=settings.optimizer,
            loss=settings.loss,
            train=train,
        ),
        "Held out": held_out,
        "Seed": f"{settings.seed}",
    }


def _plain(value: float) -> str:
    """As it stands in params.yaml."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
