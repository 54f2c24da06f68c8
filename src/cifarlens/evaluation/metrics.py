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
    def calibration_error(self) -> float:
        """Expected calibration error, 0 to 1."""
        return self.calibration.error

    @property
    def class_images(self) -> np.ndarray:
        """Images of each class, int64."""
        return np.asarray(self.confusion.sum(axis=1))

    def metrics(self) -> dict[str, object]:
        """The content of the metrics file; a class without images is left out of `classes`."""
        accuracies = zip(self.classes, self.class_accuracy, strict=True)
        return {
            "accuracy": round(self.accuracy, DIGITS),
            "loss": round(self.loss, DIGITS),
            "calibration_error": round(self.calibration_error, DIGITS),
            "images": self.images,
            "correct": self.correct,
            "classes": {
                name: round(float(share), DIGITS) for name, share in accuracies if share == share
            },
        }

    def class_rows(self) -> list[tuple[str, float | None, int]]:
        """For each class its name, accuracy (None without images) and number of images."""
        rows = zip(self.classes, self.class_accuracy, self.class_images, strict=True)
        return [
            (name, round(float(share), DIGITS) if count else None, int(count))
            for name, share, count in rows
        ]


def evaluate(logits: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Evaluation:
    """Compares predictions with labels.

    Args:
        logits: float32, N×classes.
        labels: int64, N.
        classes: names, by label; at least two.

    Raises:
        ValueError: no images, or shapes or labels that do not fit each other.
    """
    _check(logits, labels, len(classes))
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


def _check(logits: np.ndarray, labels: np.ndarray, classes: int) -> None:
    if logits.ndim != 2 or logits.shape[1] != classes or classes < 2:
        raise ValueError(f"logits are {logits.shape}, not N×{max(classes, 2)}")
    if not len(logits) or labels.shape != logits.shape[:1]:
        raise ValueError(f"{len(logits)} rows of logits for labels of shape {labels.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels from {labels.min()} to {labels.max()}, not 0 to {classes - 1}")
    if not np.isfinite(logits).all():
        raise ValueError("a logit is NaN or infinite")


def wilson_interval(correct: int, images: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953), 0 to 1."""
    share, z2 = correct / images, Z95**2
    centre = (share + z2 / (2 * images)) / (1 + z2 / images)
    spread = Z95 * (share * (1 - share) / images + z2 / (4 * images**2)) ** 0.5 / (1 + z2 / images)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def confused_pairs(confusion: np.ndarray, most: int) -> list[tuple[int, int, int]]:
    """True label, predicted label and images of the commonest errors, commonest first."""
    errors = np.array(confusion)
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[:most]
    pairs = zip(*np.unravel_index(order, errors.shape), strict=True)
    return [(int(i), int(j), int(errors[i, j])) for i, j in pairs if errors[i, j]]
