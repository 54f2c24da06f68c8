"""Describes the training recipe in words, for the report and the Space.

Imports none of the libraries that train.
"""

from collections.abc import Mapping
from typing import Any

from ..display.formats import rate
from ..params import Augment, Loss, Optimizer


def describe_recipe(
    *,
    batch_size: int,
    peak_epoch: float,
    augment: Augment,
    optimizer: Optimizer,
    loss: Loss,
    train: Mapping[str, Any],
) -> dict[str, str]:
    """Returns the settings and their values in display order.

    Args:
        batch_size: images per step, from params.yaml like the next four.
        peak_epoch: epoch at whose end the learning rate is highest.
        augment: augmentation of the training images.
        optimizer: settings of the optimizer.
        loss: settings of the loss.
        train: content of metrics/train.json.
    """
    settings = optimizer.model_dump()
    name = "AdamW" if settings.pop("decoupled") else "Adam"
    options = (f"{key.replace('_', ' ')} {value:g}" for key, value in settings.items())
    return {
        "Epochs": f"{train['epochs']}",
        "Batch size": f"{batch_size:,} images",
        "Optimizer": ", ".join([name, *options]),
        "Label smoothing": f"{loss.label_smoothing:g}",
        "Learning rate": f"one cycle: from {rate(train['lr_min'])} up to {rate(train['lr_max'])}"
        f" at the end of epoch {peak_epoch:g}, then back down",
        "Weights": _weights(train),
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


def _weights(train: Mapping[str, Any]) -> str:
    """Describes which weights the run kept."""
    decay = train["ema_decay"]
    average = f", exponential moving average with a decay of {decay:g} per step" if decay else ""
    return f"from epoch {train['kept_epoch']:g}{average}"
