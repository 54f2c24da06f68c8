"""How the network was trained, as name and value for people. Does not ship; the card holds it."""

import math
from collections.abc import Mapping
from typing import Any, cast

from ...params import Augment, Optimizer
from ...runtime.errors import UserError
from ...runtime.paths import PARAMS, TRAIN_METRICS
from ...training.augmentation_steps import augmentation_steps
from ...training.kept import kept_weights

# What train tells of its run.
MEASURED = ("epochs", "kept_epoch", "ema_decay", "lr_max", "lr_min", "parameters")


def recipe(
    *,
    epochs: int,
    peak_epoch: float,
    batch_size: int,
    optimizer: Optimizer,
    augment: Augment,
    trained: Mapping[str, Any],
) -> list[tuple[str, str]]:
    """The training recipe in display order.

    Args:
        epochs: as in params.yaml, like all but the last.
        peak_epoch: at whose end the learning rate is highest.
        batch_size: images a step.
        optimizer: Adam's settings and label smoothing.
        augment: of train images.
        trained: the train stage's metrics; `MEASURED` of them are used.

    Raises:
        UserError: the metrics are of a run with another number of epochs, or hold no numbers.
    """
    for key in MEASURED:
        value = trained.get(key)
        if type(value) not in (int, float) or not math.isfinite(cast(float, value)):
            raise UserError(
                f"{TRAIN_METRICS} has {key} as {value!r}, not a number:"
                f" bring it back with `git checkout {TRAIN_METRICS}`, or delete it and run"
                " `dvc repro`."
            )
    if trained["epochs"] != epochs:
        raise UserError(
            f"{PARAMS} asks for {epochs} epochs, but {TRAIN_METRICS} tells of"
            f" {trained['epochs']}: run `dvc repro`."
        )
    return [
        ("Epochs", f"{epochs}"),
        ("Batch size", f"{batch_size} images"),
        ("Optimizer", _optimizer(optimizer)),
        ("Label smoothing", f"{optimizer.label_smoothing:g}"),
        ("Highest learning rate (lr_max)", f"{trained['lr_max']:.3g}"),
        ("First and last learning rate (lr_min)", f"{trained['lr_min']:.3g}"),
        ("Highest rate at the end of epoch", f"{peak_epoch:g}"),
        ("Weights", kept_weights(trained)),
        ("Augmentation", "; ".join(augmentation_steps(augment, "cut out")) or "none"),
        ("Parameters", f"{trained['parameters']:,}"),
    ]


def _optimizer(given: Optimizer) -> str:
    name = "AdamW" if given.decoupled else "Adam"
    return f"{name}, weight decay {given.weight_decay:g}, betas {given.beta1:g} and {given.beta2:g}"
