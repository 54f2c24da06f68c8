"""Which weights a run kept, in words; needs none of the libraries that train."""

from collections.abc import Mapping
from typing import Any


def kept_weights(train: Mapping[str, Any]) -> str:
    """Such as "of epoch 24, averaged with a decay of 0.99 a step".

    Args:
        train: content of metrics/train.json; `kept_epoch` and `ema_decay` are used.
    """
    decay = train["ema_decay"]
    averaged = f", averaged with a decay of {decay:g} a step" if decay else ""
    return f"of epoch {train['kept_epoch']:g}{averaged}"
