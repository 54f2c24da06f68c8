"""Tests whether two networks, A and B, differ on the same images.

The functions are pure. They know nothing of networks, files or pages.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binomtest
from torch.nn.functional import cross_entropy

from ..evaluation.metrics import Z95

LEVEL = 0.05  # a difference with a smaller probability is beyond chance


@dataclass(frozen=True)
class PairedAccuracy:
    """Compares the accuracy of two networks.

    Sources: McNemar 1947 (doi:10.1007/BF02295996), in its exact form; Clopper and Pearson 1934
    (doi:10.1093/biomet/26.4.404) for the interval, which excludes 0 if p is below 0.05.

    Attributes:
        images: number of images.
        only_a: number of images that only A classifies correctly.
        only_b: number of images that only B classifies correctly.
        p: probability of counts at least as unequal if both are equally good, times the number of
            tests, 0 to 1.
        interval: 95% confidence interval of `difference`, for this number of images on which one
            network is right and the other wrong.
    """

    images: int
    only_a: int
    only_b: int
    p: float
    interval: tuple[float, float]

    @property
    def difference(self) -> float:
        """Returns the accuracy of B minus that of A, -1 to 1; 0 without images."""
        return (self.only_b - self.only_a) / max(self.images, 1)

    @property
    def beyond_chance(self) -> bool:
        """Returns whether the test finds a difference."""
        return self.p < LEVEL


def compare_accuracy(a: np.ndarray, b: np.ndarray, tests: int = 1) -> PairedAccuracy:
    """Compares two networks, given whether each is right on each image, bool N."""
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    total = only_a + only_b
    if not total:
        return PairedAccuracy(len(a), 0, 0, 1.0, (0.0, 0.0))
    test = binomtest(only_b, total)
    shares = test.proportion_ci(1 - LEVEL, method="exact")
    low, high = (float((2 * share - 1) * total / len(a)) for share in shares)
    return PairedAccuracy(len(a), only_a, only_b, min(1.0, float(test.pvalue) * tests), (low, high))


def loss_differs(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> bool:
    """Returns whether the mean loss differs beyond chance.

    That is so if the mean difference per image is further from 0 than 1.96 standard errors.

    Args:
        a: logits of A, float, N×classes.
        b: logits of B, float, N×classes.
        labels: int64, N.
    """
    target = torch.from_numpy(labels)
    losses_a, losses_b = (
        cross_entropy(torch.from_numpy(logits).double(), target, reduction="none").numpy()
        for logits in (a, b)
    )
    change = losses_b - losses_a
    return bool(abs(change.mean()) > Z95 * change.std() / len(change) ** 0.5)
