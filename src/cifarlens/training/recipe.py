"""Describes the training recipe in words, for the report and the Space.

Imports none of the libraries that train.
"""

from collections.abc import Mapping
from typing import Any

from ..display.formats import rate
from ..params import Augment, Loss, Optimizer
from .one_cycle.schedule import resolve_peak


def describe_recipe(
    *,
    epochs: int,
    batch_size: int,
    ema_decay: float,
    peak_epoch: float | str,
    augment: Augment,
    optimizer: Optimizer,
    loss: Loss,
    train: Mapping[str, Any],
) -> dict[str, str]:
    """Returns the settings and their values in display order.

    Args:
        epochs: passes over the training images, from params.yaml like the next six.
        batch_size: images per step.
        ema_decay: decay per step of the moving average of the weights; 0 for none.
        peak_epoch: epoch at whose end the learning rate is highest, or auto.
        augment: augmentation of the training images.
        optimizer: settings of the optimizer.
        loss: settings of the loss.
        train: content of metrics/train.json.
    """
    settings = optimizer.model_dump()
    name = "AdamW" if settings.pop("decoupled") else "Adam"
    options = (f"{key.replace('_', ' ')} {value:g}" for key, value in settings.items())
    average = f", exponential moving average with a decay of {ema_decay:g} per step"
    return {
        "Epochs": f"{epochs}",
        "Batch size": f"{batch_size:,} images",
        "Optimizer": ", ".join([name, *options]),
        "Label smoothing": f"{loss.label_smoothing:g}",
        "Learning rate": f"one cycle: from {rate(train['lr_min'])} up to {rate(train['lr_max'])}"
        f" at the end of epoch {round(resolve_peak(peak_epoch, epochs), 2):g}, then back down",
        "Weights": f"from epoch {train.get('kept_epoch', epochs)}{average if ema_decay else ''}",
        "Augmentation": "; ".join(augmentation_steps(augment)) or "none",
    }


def augmentation_steps(augment: Augment) -> list[str]:
    """Returns the augmentation steps in order; empty without augmentation."""
    steps = []
    if augment.padding:
        pixels = f"{augment.padding} reflected pixel{'s' if augment.padding > 1 else ''}"
        steps.append(f"random crop after padding by {pixels} on each side")
    if augment.flip:
        steps.append("horizontal flip of half of the images")
    if augment.cutout:
        side = augment.cutout
        steps.append(f"CutOut: one {side}×{side} square filled with the mean colour")
    return steps
