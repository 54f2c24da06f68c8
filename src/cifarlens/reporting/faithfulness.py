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
from .gradcam import normalized, trainable_copy

REMOVED = (10, 30, 50)  # percent of the pixels; the scores are means over these
BASELINE = "random"
SEED = 0  # of the random map, of ties and of ROAD's noise: no knob, so that runs compare
DIGITS = 4


@dataclass(frozen=True)
class Faithfulness:
    """Mean probability of the explained class, 0 to 1, over images and over `REMOVED`.

    Attributes:
        images: how many were measured.
        untouched: on the images as they are.
        most: by map, without the pixels it calls most important.
        least: by map, without the pixels it calls least important.
    """

    images: int
    untouched: float
    most: dict[str, float]
    least: dict[str, float]

    @property
    def scores(self) -> dict[str, float]:
        """By map ROAD's combined score, (least - most) / 2: higher is better, random is about 0."""
        return {name: (self.least[name] - self.most[name]) / 2 for name in self.most}

    def metrics(self) -> dict[str, float]:
        """Flat names for the metrics file: `road_layer3`, `road_random` and so on."""
        return {f"road_{name}": round(score, DIGITS) for name, score in self.scores.items()}


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
        untouched = network(x).softmax(1)[range(len(labels)), list(labels)].mean()
    shape = images.shape[:3]
    candidates = {**maps, BASELINE: np.zeros(shape, np.float32)}  # all ties: a random order
    most: dict[str, float] = {}
    least: dict[str, float] = {}
    for name, found in candidates.items():
        ranks = _ranks(found)
        for scores, metric in ((most, ROADMostRelevantFirst), (least, ROADLeastRelevantFirst)):
            means = []
            for removed in REMOVED:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(SEED)
                    run = metric(percentile=100 - removed)
                    means.append(run(x.contiguous(), ranks, targets, network, return_diff=False))
            scores[name] = float(np.mean(means))
    return Faithfulness(len(images), float(untouched), most, least)


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
