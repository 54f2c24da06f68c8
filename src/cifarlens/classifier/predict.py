"""Computes logits and class probabilities with a bundle's network."""

from collections.abc import Iterator

import numpy as np
import torch

from .bundle import Bundle
from .preprocess import normalize


def predict_batches(
    bundle: Bundle, images: np.ndarray, batch_size: int = 500, device: str = "cpu"
) -> Iterator[np.ndarray]:
    """Yields the logits of one batch after another, float32 n×classes, divided by the temperature.

    Args:
        bundle: the bundle, whose network moves to `device`.
        images: uint8, N×H×W×3.
        batch_size: number of images in a forward pass.
        device: the name of a torch device.
    """
    network, config = bundle.network.to(device), bundle.config
    for start in range(0, len(images), batch_size):
        batch = np.array(images[start : start + batch_size])  # torch needs writable memory
        with torch.inference_mode():
            x = normalize(torch.from_numpy(batch).to(device), config.mean, config.std)
            yield (network(x).float() / bundle.temperature).cpu().numpy()


def predict_logits(bundle: Bundle, images: np.ndarray) -> np.ndarray:
    """Returns logits, float32 N×classes, of uint8 images N×H×W×3."""
    batches = list(predict_batches(bundle, images))
    return np.concatenate(batches) if batches else np.empty((0, len(bundle.config.classes)), "f4")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns class probabilities, float64 N×classes; each row adds up to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    probabilities: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
