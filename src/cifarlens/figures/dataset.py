"""Chooses examples of each class, and splits an image into its channels."""

import numpy as np

from ..dataset.arrays import Dataset

EXAMPLES = 5  # images per class


def first_of_each_class(labels: np.ndarray, classes: int, count: int) -> list[np.ndarray]:
    """Returns for each label the indices of its first `count` images, or of all if it has fewer."""
    return [np.flatnonzero(labels == label)[:count] for label in range(classes)]


def colourful_image(dataset: Dataset, rows: list[np.ndarray]) -> int:
    """Returns the index of the example image that shows the three channels best.

    In that image every channel varies, and the channels differ from each other.
    """
    indices = np.concatenate(rows)
    images = dataset.train_images[indices].astype(np.float32)
    variation = images.std(axis=(1, 2)).min(axis=1)
    difference = np.abs(images - np.roll(images, 1, axis=3)).mean(axis=(1, 2)).min(axis=1)
    return int(indices[(variation * difference).argmax()])


def channel_images(image: np.ndarray) -> dict[str, np.ndarray]:
    """Returns an image, uint8 H×W×3, and each of its channels alone in its own colour, H×W×3."""
    split = {"image": np.array(image)}
    for channel, name in enumerate(("red", "green", "blue")):
        split[name] = np.zeros_like(image)
        split[name][..., channel] = image[..., channel]
    return split
