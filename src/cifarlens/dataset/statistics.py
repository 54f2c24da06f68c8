"""Computes pixel statistics exactly, from integer sums that do not depend on the order."""

import math

import numpy as np


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation of pixel / 255 per channel.

    Args:
        images: uint8, N×H×W×C, N at least 1.

    Returns:
        Mean and population standard deviation, C values each, 0 to 1.
    """
    means, deviations = [], []
    for channel in range(images.shape[3]):
        counts = np.bincount(images[..., channel].reshape(-1), minlength=256).tolist()
        total = sum(counts)
        first = sum(value * count for value, count in enumerate(counts))
        second = sum(value * value * count for value, count in enumerate(counts))
        means.append(first / (255 * total))
        deviations.append(math.sqrt(second * total - first * first) / (255 * total))
    return tuple(means), tuple(deviations)


def class_counts(labels: np.ndarray, classes: tuple[str, ...]) -> dict[str, int]:
    """Returns the number of labels of each class, in the order of `classes`."""
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    return dict(zip(classes, counts, strict=True))
