"""The recipe of a training in words, for the report and the Space.

Needs none of the libraries that train.
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
    """Names and values in display order.

    Args:
        batch_size: images a step; like those below as in params.yaml.
        peak_epoch: at whose end the learning rate is highest.
        augment: of the train images.
        optimizer: of the weights.
        loss: that training minimises.
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
        "Learning rate": f"one cycle: {rate(train['lr_min'])} up to {rate(train['lr_max'])}"
        f" at the end of epoch {peak_epoch:g}, and down again",
        "Weights": _weights(train),
        "Augmentation": "; ".join(augmentation_steps(augment)) or "none",
    }


def augmentation_steps(augment: Augment) -> list[str]:
    """The steps of an image's augmentation, in their order; empty for none."""
    steps = []
    if augment.padding:
        pixels = f"{augment.padding} reflected pixel{'s' if augment.padding > 1 else ''}"
        steps.append(f"padded by {pixels} on each side, then cropped back at random")
    if augment.flip:
        steps.append("half of the images mirrored")
    if augment.cutout:
        side = augment.cutout
        steps.append(f"a square of {side}×{side} pixels filled with the mean colour")
    return steps


def _weights(train: Mapping[str, Any]) -> str:
    """Which weights were kept."""
    decay = train["ema_decay"]
    average = f", averaged with a decay of {decay:g} a step" if decay else ""
    return f"of epoch {train['kept_epoch']:g}{average}"
