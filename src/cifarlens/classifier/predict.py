"""Logits and probabilities of a bundle's network."""

from collections.abc import Iterator

import numpy as np
import torch

from .bundle import Bundle
from .preprocess import normalize


def predict_batches(
    bundle: Bundle, images: np.ndarray, batch_size: int = 500, device: str = "cpu"
) -> Iterator[np.ndarray]:
    """Yields logits, float32 n×classes, a batch at a time.

    Args:
        bundle: the network, moved to `device`.
        images: uint8, N×H×W×3.
        batch_size: images a forward pass.
        device: where to compute, as torch names it.
    """
    network, config = bundle.network.to(device), bundle.config
    for start in range(0, len(images), batch_size):
        batch = np.array(images[start : start + batch_size])  # torch wants writable memory
        with torch.inference_mode():
            x = normalize(torch.from_numpy(batch).to(device), config.mean, config.std)
            yield network(x).float().cpu().numpy()


def predict_logits(bundle: Bundle, images: np.ndarray) -> np.ndarray:
    """Logits, float32 N×classes, of uint8 images N×H×W×3."""
    batches = list(predict_batches(bundle, images))
    return np.concatenate(batches) if batches else np.empty((0, len(bundle.config.classes)), "f4")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, float64 N×classes, rows adding up to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    result: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
