"""How far a saliency map tells what the network looks at: ROAD, remove and debias.

Pixels are removed in the order of a map and painted over from their neighbours. If the map is
right, the probability of the explained class falls when the most important pixels go and stays
when the least important go. A random map is the baseline: with it both fall alike.

Source: Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods
(arXiv:2202.00449).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..classifier.bundle import Bundle
from ..classifier.networks import Network
from ..evaluation.metrics import Z95
from .gradcam import prepare
from .imputation import paint_over

REMOVED = (10, 30, 50)  # percent of the pixels; the scores are means over these
BASELINE = "random"
SEED = 0  # of the random map, of ties and of the noise: no knob, so that runs compare
DIGITS = 3  # one in the third is far below the error of forty images


@dataclass(frozen=True)
class Faithfulness:
    """Probabilities of the explained class, 0 to 1, as means over `REMOVED`.

    Attributes:
        untouched: on the images as they are, float64 N.
        most: by map, without the pixels it calls most important, float64 N.
        least: by map, without the pixels it calls least important, float64 N.
    """

    untouched: np.ndarray
    most: dict[str, np.ndarray]
    least: dict[str, np.ndarray]

    def score(self, name: str) -> float:
        """ROAD's combined score, (least - most) / 2, rounded: higher is better, chance is 0."""
        return round(float(self._scores(name).mean()), DIGITS) + 0.0  # never -0.0

    def beats_chance(self, name: str) -> bool:
        """Whether the score is above the random map's by more than 1.96 standard errors, and by
        enough to be seen in `DIGITS` digits.

        Both maps are measured on the same images, so the differences are what counts.
        """
        ahead = self._scores(name) - self._scores(BASELINE)
        if len(ahead) < 2 or self.score(name) <= self.score(BASELINE):
            return False
        return bool(ahead.mean() > Z95 * ahead.std(ddof=1) / len(ahead) ** 0.5)

    def _scores(self, name: str) -> np.ndarray:
        return np.asarray((self.least[name] - self.most[name]) / 2)


def measure(
    bundle: Bundle,
    images: np.ndarray,
    labels: Sequence[int],
    maps: Mapping[str, np.ndarray],
) -> Faithfulness:
    """Compares maps with each other and with a random one.

    Args:
        bundle: its network is copied, not touched.
        images: uint8, N×H×W×3, at least one.
        labels: the label explained in each image.
        maps: by name float32 N×H×W; `BASELINE` is added.
    """
    network, inputs = prepare(bundle, images)
    x = inputs.numpy()
    candidates = {**maps, BASELINE: np.zeros(images.shape[:3], np.float32)}  # ties: random order
    most: dict[str, np.ndarray] = {}
    least: dict[str, np.ndarray] = {}
    for name, candidate in candidates.items():
        for left, first in ((most, True), (least, False)):
            runs = [
                probabilities(network, without(x, candidate, percent, first), labels)
                for percent in REMOVED
            ]
            left[name] = np.stack(runs).mean(axis=0)
    return Faithfulness(probabilities(network, x, labels), most, least)


def without(x: np.ndarray, maps: np.ndarray, percent: float, most: bool) -> np.ndarray:
    """What is left of images, the gaps painted over.

    Args:
        x: float32 N×C×H×W, in the network's units.
        maps: float32 N×H×W.
        percent: of the pixels to remove, 0 to below 100.
        most: whether the most important pixels go, else the least important.
    """
    order = _order(maps)
    count = round(percent / 100 * order.shape[1])
    gone = order[:, order.shape[1] - count :] if most else order[:, :count]
    removed = np.zeros(order.shape, bool)
    np.put_along_axis(removed, gone, True, axis=1)
    noise = np.random.default_rng(SEED).standard_normal(x.shape, np.float32)
    pictures = zip(x, removed.reshape(maps.shape), noise, strict=True)
    return np.stack([paint_over(*picture) for picture in pictures])


def probabilities(network: Network, x: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Of each image's label, float64 N, for the network's own input, float32 N×C×H×W."""
    with torch.no_grad():
        shares = network(torch.from_numpy(x)).double().softmax(1)
    return np.asarray(shares[range(len(labels)), list(labels)].numpy())


def _order(maps: np.ndarray) -> np.ndarray:
    """Each map's pixels from the least to the most important, int64 N×pixels.

    Ties are broken at random: Grad-CAM cuts negative evidence to zero, often over half of an
    image, and in their own order the top rows would go first.
    """
    noise = np.random.default_rng(SEED).random(maps.shape)
    return np.lexsort((noise.reshape(len(maps), -1), maps.reshape(len(maps), -1)))
