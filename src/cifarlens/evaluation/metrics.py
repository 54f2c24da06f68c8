"""What the test logits say: accuracy, loss, calibration and confusion.

Pure functions over logits and labels; knows nothing of networks or files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ..classifier.predict import softmax
from .calibration import DIGITS, Calibration, calibrate

Z95 = 1.959963984540054  # of the normal distribution, two-sided


@dataclass(frozen=True)
class Evaluation:
    """The numbers of one look at a set of images.

    Attributes:
        classes: names, by label.
        accuracy: share of images whose largest logit is their label's, 0 to 1.
        loss: mean cross-entropy, nats, without label smoothing.
        calibration: confidence against accuracy.
        class_accuracy: accuracy over each class's images, float64, NaN for a class without any.
        confusion: int64 classes×classes, images by true label (row) and predicted label (column).
    """

    classes: tuple[str, ...]
    accuracy: float
    loss: float
    calibration: Calibration
    class_accuracy: np.ndarray
    confusion: np.ndarray

    @property
    def images(self) -> int:
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        return int(self.confusion.trace())

    @property
    def class_images(self) -> np.ndarray:
        """Images of each class, int64."""
        return np.asarray(self.confusion.sum(axis=1))

    def class_rows(self) -> list[tuple[str, float | None, int]]:
        """For each class its name, accuracy (None without images) and number of images."""
        rows = zip(self.classes, self.class_accuracy, self.class_images, strict=True)
        return [
            (name, round(float(share), DIGITS) if count else None, int(count))
            for name, share, count in rows
        ]

    def metrics(self) -> dict[str, object]:
        """The content of the metrics file; a class without images is left out of `classes`."""
        return {
            "accuracy": round(self.accuracy, DIGITS),
            "loss": round(self.loss, DIGITS),
            "calibration_error": round(self.calibration.error, DIGITS),
            "images": self.images,
            "correct": self.correct,
            "classes": {name: share for name, share, images in self.class_rows() if images},
        }


def evaluate(logits: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Evaluation:
    """Compares predictions with labels.

    Args:
        logits: float32, N×classes; at least one row.
        labels: int64, N.
        classes: names, by label.
    """
    scores, target = torch.from_numpy(np.array(logits)), torch.from_numpy(np.array(labels))
    count = len(classes)
    # Not by sklearn.metrics: its import alone takes 1.5 s.
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    hits, images = confusion.diagonal(), confusion.sum(axis=1)
    return Evaluation(
        classes=tuple(classes),
        accuracy=float(hits.sum() / images.sum()),
        loss=float(cross_entropy(scores.double(), target)),
        calibration=calibrate(softmax(logits), labels),
        class_accuracy=np.where(images > 0, hits / np.maximum(images, 1), np.nan),
        confusion=confusion,
    )


def wilson_interval(correct: np.ndarray | int, images: np.ndarray | int) -> np.ndarray:
    """The 95% interval of shares (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Args:
        correct: of the images; int, any shape.
        images: at least 1; the same shape.

    Returns:
        float64, low and high along the first axis, 0 to 1.
    """
    share, z2 = correct / images, Z95**2
    centre = (share + z2 / (2 * images)) / (1 + z2 / images)
    spread = Z95 * (share * (1 - share) / images + z2 / (4 * images**2)) ** 0.5 / (1 + z2 / images)
    return np.stack([centre - spread, centre + spread]).clip(0, 1)


def confused_pairs(confusion: np.ndarray, most: int) -> list[tuple[int, int, int]]:
    """True label, predicted label and images of the commonest errors, commonest first."""
    errors = np.array(confusion)
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[:most]
    pairs = zip(*np.unravel_index(order, errors.shape), strict=True)
    return [(int(i), int(j), int(errors[i, j])) for i, j in pairs if errors[i, j]]
