"""Examples of what the faithfulness test does to an image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..classifier.bundle import Bundle
from .faithfulness import probabilities, without
from .gradcam import prepare

SHARE = 30  # percent of the pixels removed, the middle one of the test's


@dataclass(frozen=True)
class Removal:
    """An image without some of its pixels, and the explained class's probability, 0 to 1.

    Attributes:
        place: of the image among those given.
        untouched: probability of the image as it is.
        without_most: uint8 H×W×3, the most important pixels painted over.
        most: its probability.
        without_least: uint8 H×W×3, the least important ones.
        least: its probability.
    """

    place: int
    untouched: float
    without_most: np.ndarray
    most: float
    without_least: np.ndarray
    least: float


def remove(
    bundle: Bundle,
    images: np.ndarray,
    labels: Sequence[int],
    maps: np.ndarray,
    places: list[int],
) -> list[Removal]:
    """Removes `SHARE` of the pixels of some images.

    Args:
        bundle: its network is copied, not touched.
        images: uint8, N×H×W×3.
        labels: the label explained in each image.
        maps: float32 N×H×W.
        places: of the images to show; at least one.
    """
    network, inputs = prepare(bundle, images[places])
    x = inputs.numpy()
    explained = [labels[place] for place in places]
    parts = [x, *(without(x, maps[places], SHARE, most) for most in (True, False))]
    untouched, most, least = (probabilities(network, part, explained) for part in parts)
    _, without_most, without_least = (_pixels(bundle, part) for part in parts)
    columns = untouched.tolist(), without_most, most.tolist(), without_least, least.tolist()
    return [Removal(*row) for row in zip(places, *columns, strict=True)]


def _pixels(bundle: Bundle, x: np.ndarray) -> np.ndarray:
    """uint8 N×H×W×3 of what the network takes, float32 N×3×H×W."""
    shares = x.transpose(0, 2, 3, 1) * np.array(bundle.config.std) + np.array(bundle.config.mean)
    return np.asarray(np.rint(255 * np.clip(shares, 0, 1)), np.uint8)
