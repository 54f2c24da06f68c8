"""Makes examples that show what the faithfulness test does to an image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..classifier.bundle import Bundle
from .faithfulness import class_probabilities, remove_pixels
from .gradcam import normalize_images

EXAMPLE_PERCENT = 30  # of the pixels removed, the middle value of the test


@dataclass(frozen=True)
class Removal:
    """Holds an image without some of its pixels, and the explained class's probability, 0 to 1.

    Attributes:
        row: row of the image among those given.
        original: probability on the original image.
        without_most: image without its most important pixels, uint8 H×W×3.
        most_removed: probability on that image.
        without_least: image without its least important pixels, uint8 H×W×3.
        least_removed: probability on that image.
    """

    row: int
    original: float
    without_most: np.ndarray
    most_removed: float
    without_least: np.ndarray
    least_removed: float


def removal_examples(
    bundle: Bundle,
    images: np.ndarray,
    labels: Sequence[int],
    maps: np.ndarray,
    rows: list[int],
) -> list[Removal]:
    """Removes `EXAMPLE_PERCENT` of the pixels of some images.

    Args:
        bundle: network to test, on the CPU.
        images: uint8, N×H×W×3.
        labels: explained label of each image.
        maps: saliency maps, float32 N×H×W.
        rows: rows of the images to use, at least one.
    """
    x = normalize_images(bundle, images[rows]).numpy()
    explained = [labels[row] for row in rows]
    parts = [
        x,
        *(remove_pixels(x, maps[rows], EXAMPLE_PERCENT, most) for most in (True, False)),
    ]
    original, most, least = (class_probabilities(bundle, part, explained) for part in parts)
    _, without_most, without_least = (_to_images(bundle, part) for part in parts)
    columns = original.tolist(), without_most, most.tolist(), without_least, least.tolist()
    return [Removal(*values) for values in zip(rows, *columns, strict=True)]


def _to_images(bundle: Bundle, x: np.ndarray) -> np.ndarray:
    """Converts normalised images, float32 N×3×H×W, to uint8 N×H×W×3."""
    scaled = x.transpose(0, 2, 3, 1) * np.array(bundle.config.std) + np.array(bundle.config.mean)
    return np.asarray(np.rint(255 * np.clip(scaled, 0, 1)), np.uint8)
