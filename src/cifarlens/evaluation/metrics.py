"""Computes accuracy, loss, calibration and confusion matrix from logits and labels.

The functions are pure. They know nothing of networks or files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ..classifier.predict import softmax
from .calibration import DIGITS, Calibration, measure_calibration

Z95 = 1.959963984540054  # two-sided 95% quantile of the normal distribution
BALANCED = 1.1  # ratio of the largest to the smallest class up to which classes count as balanced


@dataclass(frozen=True)
class Evaluation:
    """Holds the metrics of a network on a set of images.

    Attributes:
        classes: class names in the order of the labels.
        accuracy: share of images whose largest logit is that of their label, 0 to 1.
        loss: mean cross-entropy in nats, without label smoothing.
        calibration: confidence compared with accuracy.
        class_accuracy: accuracy of each class, float64, 0 to 1; NaN for a class without images.
        confusion: confusion matrix, int64 classes×classes: number of images by true label (row)
            and predicted label (column).
    """

    classes: tuple[str, ...]
    accuracy: float
    loss: float
    calibration: Calibration
    class_accuracy: np.ndarray
    confusion: np.ndarray

    @property
    def images(self) -> int:
        """Returns the number of images."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Returns the number of correctly classified images."""
        return int(self.confusion.trace())

    @property
    def class_images(self) -> np.ndarray:
        """Returns the number of images of each class, int64."""
        return np.asarray(self.confusion.sum(axis=1))

    @property
    def balanced_accuracy(self) -> float:
        """Returns the mean of the classes' accuracies, 0 to 1; a class without images is left out.

        It equals `accuracy` if all classes have the same number of images.
        """
        return float(np.nanmean(self.class_accuracy))

    @property
    def macro_f1(self) -> float:
        """Returns the mean of the classes' F1 scores, 0 to 1, as scikit-learn computes it.

        F1 is the harmonic mean of recall and precision. A class that is never predicted, or never
        correctly, has an F1 of 0. A class without images counts only if it is predicted.
        """
        hits = self.confusion.diagonal()
        total = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        return float((2 * hits[total > 0] / total[total > 0]).mean())

    def class_rows(self) -> list[tuple[str, float | None, int]]:
        """Returns name, accuracy (None without images) and number of images of each class."""
        rows = zip(self.classes, self.class_accuracy, self.class_images, strict=True)
        return [
            (name, round(float(share), DIGITS) if count else None, int(count))
            for name, share, count in rows
        ]

    def confusion_rows(self) -> list[tuple[str, str, int]]:
        """Returns true class, predicted class and number of images, if there are any."""
        cells = zip(*np.nonzero(self.confusion), strict=True)
        return [(self.classes[i], self.classes[j], int(self.confusion[i, j])) for i, j in cells]

    def metrics(self) -> dict[str, object]:
        """Returns the content of metrics/evaluate.json; `classes` omits classes without images."""
        return {
            "accuracy": round(self.accuracy, DIGITS),
            "balanced_accuracy": round(self.balanced_accuracy, DIGITS),
            "macro_f1": round(self.macro_f1, DIGITS),
            "loss": round(self.loss, DIGITS),
            "calibration_error": round(self.calibration.error, DIGITS),
            "classes": {name: share for name, share, images in self.class_rows() if images},
        }


def evaluate(logits: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Evaluation:
    """Compares predictions with labels.

    Args:
        logits: float32, N×classes, at least one row.
        labels: int64, N.
        classes: class names in the order of the labels.
    """
    scores, target = torch.from_numpy(np.array(logits)), torch.from_numpy(np.array(labels))
    count = len(classes)
    # Importing sklearn.metrics for this and the scores above takes 1.5 s.
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    hits, images = confusion.diagonal(), confusion.sum(axis=1)
    return Evaluation(
        classes=tuple(classes),
        accuracy=float(hits.sum() / images.sum()),
        loss=float(cross_entropy(scores.double(), target)),
        calibration=measure_calibration(softmax(logits), labels),
        class_accuracy=np.where(images > 0, hits / np.maximum(images, 1), np.nan),
        confusion=confusion,
    )


def balanced(counts: np.ndarray) -> bool:
    """Returns whether the numbers of images of the classes, int, differ by at most 10%."""
    return bool(counts.max() <= BALANCED * counts.min())


def wilson_interval(correct: np.ndarray | int, images: np.ndarray | int) -> np.ndarray:
    """Returns the 95% confidence interval of the share of correctly classified images.

    Source: Wilson 1927 (doi:10.1080/01621459.1927.10502953).

    Args:
        correct: number of correctly classified images, int, any shape.
        images: number of images, at least 1, the same shape.

    Returns:
        Lower and upper bound along the first axis, float64, 0 to 1.
    """
    share, z2 = correct / images, Z95**2
    centre = (share + z2 / (2 * images)) / (1 + z2 / images)
    spread = Z95 * (share * (1 - share) / images + z2 / (4 * images**2)) ** 0.5 / (1 + z2 / images)
    return np.stack([centre - spread, centre + spread]).clip(0, 1)


def confused_pairs(confusion: np.ndarray, limit: int) -> list[tuple[int, int, int]]:
    """Returns true label, predicted label and image count of the most frequently confused pairs."""
    errors = np.array(confusion)
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[:limit]
    pairs = zip(*np.unravel_index(order, errors.shape), strict=True)
    return [(int(i), int(j), int(errors[i, j])) for i, j in pairs if errors[i, j]]
