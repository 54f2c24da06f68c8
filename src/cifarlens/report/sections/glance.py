"""The report's first section: the result, the goal, and the settings that led there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...evaluation.metrics import Evaluation, wilson_interval
from ...params import Augment, Optimizer
from ...sources import SOURCES
from ...training.augmentation_steps import augmentation_steps
from ...training.kept import kept_weights
from .data import HOLE


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
    goal = SOURCES[source].goal
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
    adam, options = settings.optimizer, sorted(arguments.items(), reverse=True)  # width first
    return {
        "Network": ", ".join(f"{name} {_plain(value)}" for name, value in options),
        "Batch size": f"{settings.batch_size:,} images",
        "Optimizer": f"{'AdamW' if adam.decoupled else 'Adam'}, betas {adam.beta1:g} and"
        f" {adam.beta2:g}",
        "Weight decay": f"{adam.weight_decay:g}, "
        + ("decoupled" if adam.decoupled else "as L2 penalty"),
        "Label smoothing": f"{adam.label_smoothing:g}",
        "Schedule": f"one cycle, lr_max at the end of epoch {settings.peak_epoch:g}"
        f" of {train['epochs']:g}",
        "Weights": kept_weights(train),
        "Held out": f"{settings.val_size:,} train images" if settings.val_size else "no images",
        "Seed": f"{settings.seed}",
        "Augmentation": "; ".join(augmentation_steps(settings.augment, HOLE)) or "none",
    }


def _plain(value: float) -> str:
    """As it stands in params.yaml."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
