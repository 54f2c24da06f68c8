"""How far a saliency map tells what the network looks at: ROAD, remove and debias.

Pixels are removed in the order of a map and painted over from their neighbours. If the map is
right, the probability of the explained class falls when the most important pixels go and stays
when the least important go. A random map is the baseline: with it both fall alike.

Source: Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods
(arXiv:2202.00449), in pytorch-grad-cam's implementation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pytorch_grad_cam.metrics.road import ROADLeastRelevantFirst, ROADMostRelevantFirst
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

from ..classifier.bundle import Bundle
from .evaluation import Z95
from .gradcam import normalized, trainable_copy

REMOVED = (10, 30, 50)  # percent of the pixels; the scores are means over these
BASELINE = "random"
SEED = 0  # of the random map, of ties and of ROAD's noise: no knob, so that runs compare
DIGITS = 4


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

    @property
    def images(self) -> int:
        return len(self.untouched)

    def score(self, name: str) -> float:
        """ROAD's combined score, (least - most) / 2, rounded: higher is better, chance is 0."""
        return round(float(self._scores(name).mean()), DIGITS) + 0.0  # never -0.0

    def beats_chance(self, name: str) -> bool:
        """Whether the score is above the random map's by more than 1.96 standard errors.

        Both maps are measured on the same images, so the differences are what counts.
        """
        ahead = self._scores(name) - self._scores(BASELINE)
        if len(ahead) < 2:
            return False
        return bool(ahead.mean() > Z95 * ahead.std(ddof=1) / len(ahead) ** 0.5)

    def metrics(self) -> dict[str, float]:
        """Flat names for the metrics file: `road_layer3`, `road_random` and so on."""
        return {f"road_{name}": self.score(name) for name in self.most}

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
    network, x = trainable_copy(bundle).requires_grad_(False), normalized(bundle, images)
    targets = [ClassifierOutputSoftmaxTarget(label) for label in labels]
    with torch.no_grad():
        untouched = network(x).softmax(1)[range(len(labels)), list(labels)]
    candidates = {**maps, BASELINE: np.zeros(images.shape[:3], np.float32)}  # ties: random order
    most: dict[str, np.ndarray] = {}
    least: dict[str, np.ndarray] = {}
    for name, found in candidates.items():
        ranks = _ranks(found)
        for left, metric in ((most, ROADMostRelevantFirst), (least, ROADLeastRelevantFirst)):
            runs = []
            for removed in REMOVED:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(SEED)
                    run = metric(percentile=100 - removed)
                    runs.append(run(x.contiguous(), ranks, targets, network, return_diff=False))
            left[name] = np.stack(runs).astype(np.float64).mean(axis=0)
    return Faithfulness(untouched.double().numpy(), most, least)


def _ranks(maps: np.ndarray) -> np.ndarray:
    """Each map's pixels by rank, float32 0 to 1, ties broken at random.

    Grad-CAM cuts negative evidence to zero, often over half of an image: by value a threshold
    there would take all of these pixels or none, not the share asked for.
    """
    count = maps[0].size
    noise = np.random.default_rng(SEED).random(maps.shape)
    ranks = np.empty((len(maps), count), np.float32)
    for row, (values, ties) in enumerate(zip(maps, noise, strict=True)):
        order = np.lexsort((ties.ravel(), values.ravel()))
        ranks[row, order] = np.linspace(0, 1, count, dtype=np.float32)
    return ranks.reshape(maps.shape)
