"""Tests whether a saliency map marks the pixels that the network uses: ROAD, remove and debias.

The test removes pixels in the order of a map and fills them from their neighbours. If the map is
right, the probability of the explained class falls when the most important pixels are removed, and
stays when the least important pixels are removed. A random map is the baseline: its probability
falls equally in both cases.

Source: Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods
(arXiv:2202.00449).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..classifier.bundle import Bundle
from ..evaluation.metrics import Z95
from .gradcam import normalize_images
from .imputation import fill_removed_pixels

REMOVED_PERCENT = (10, 30, 50)  # of the pixels; the scores are means over these
BASELINE = "random"
SEED = 0  # of the random map, of ties and of the noise; constant, so that runs are comparable
DIGITS = 3  # a difference in the third digit is far below the error of 40 images


@dataclass(frozen=True)
class Faithfulness:
    """Holds probabilities of the explained class, 0 to 1, averaged over `REMOVED_PERCENT`.

    Attributes:
        original: probability on the original images, float64 N.
        most_removed: by map, probability without the most important pixels, float64 N.
        least_removed: by map, probability without the least important pixels, float64 N.
    """

    original: np.ndarray
    most_removed: dict[str, np.ndarray]
    least_removed: dict[str, np.ndarray]

    def score(self, name: str) -> float:
        """Returns ROAD's combined score, (least - most) / 2, rounded.

        Higher is better; a random map scores about 0.
        """
        return round(float(self._scores(name).mean()), DIGITS) + 0.0  # never -0.0

    def beats_chance(self, name: str) -> bool:
        """Returns whether the score is above that of the random map.

        The difference must exceed 1.96 standard errors and be visible in `DIGITS` digits. Both
        maps are measured on the same images, so the standard error is that of the differences.
        """
        differences = self._scores(name) - self._scores(BASELINE)
        if len(differences) < 2 or self.score(name) <= self.score(BASELINE):
            return False
        standard_error = differences.std(ddof=1) / len(differences) ** 0.5
        return bool(differences.mean() > Z95 * standard_error)

    def _scores(self, name: str) -> np.ndarray:
        return np.asarray((self.least_removed[name] - self.most_removed[name]) / 2)


def measure_faithfulness(
    bundle: Bundle,
    images: np.ndarray,
    labels: Sequence[int],
    maps: Mapping[str, np.ndarray],
) -> Faithfulness:
    """Runs the test for each map and for a random one.

    Args:
        bundle: network to test, on the CPU.
        images: uint8, N×H×W×3, at least one.
        labels: explained label of each image.
        maps: saliency maps by name, float32 N×H×W; the function adds `BASELINE`.
    """
    x = normalize_images(bundle, images).numpy()
    # A flat map is a random one: ties are broken at random.
    candidates = {**maps, BASELINE: np.zeros(images.shape[:3], np.float32)}
    most_removed: dict[str, np.ndarray] = {}
    least_removed: dict[str, np.ndarray] = {}
    for name, candidate in candidates.items():
        for means, most in ((most_removed, True), (least_removed, False)):
            runs = [
                class_probabilities(bundle, remove_pixels(x, candidate, percent, most), labels)
                for percent in REMOVED_PERCENT
            ]
            means[name] = np.stack(runs).mean(axis=0)
    return Faithfulness(class_probabilities(bundle, x, labels), most_removed, least_removed)


def remove_pixels(x: np.ndarray, maps: np.ndarray, percent: float, most: bool) -> np.ndarray:
    """Removes pixels in the order of a map and fills them from their neighbours.

    Args:
        x: normalised images, float32 N×C×H×W.
        maps: saliency maps, float32 N×H×W.
        percent: percentage of the pixels to remove, 0 to below 100.
        most: whether to remove the most important pixels or the least important ones.

    Returns:
        Normalised images, float32 N×C×H×W.
    """
    order = _pixel_order(maps)
    count = round(percent / 100 * order.shape[1])
    pixels = order[:, order.shape[1] - count :] if most else order[:, :count]
    removed = np.zeros(order.shape, bool)
    np.put_along_axis(removed, pixels, True, axis=1)
    noise = np.random.default_rng(SEED).standard_normal(x.shape, np.float32)
    pictures = zip(x, removed.reshape(maps.shape), noise, strict=True)
    return np.stack([fill_removed_pixels(*picture) for picture in pictures])


def class_probabilities(bundle: Bundle, x: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Returns the probability of each image's label, float64 N.

    Args:
        bundle: network, on the CPU.
        x: normalised images, float32 N×C×H×W.
        labels: a label for each image.
    """
    with torch.no_grad():
        logits = bundle.network(torch.from_numpy(x)).double()
        probabilities = (logits / bundle.temperature).softmax(1)
    return np.asarray(probabilities[range(len(labels)), list(labels)].numpy())


def _pixel_order(maps: np.ndarray) -> np.ndarray:
    """Returns each map's pixels from the least to the most important, int64 N×pixels.

    Ties are broken at random. Grad-CAM sets negative evidence to zero, often in more than half of
    an image; without random ties the top rows would always be removed first.
    """
    noise = np.random.default_rng(SEED).random(maps.shape)
    return np.lexsort((noise.reshape(len(maps), -1), maps.reshape(len(maps), -1)))
