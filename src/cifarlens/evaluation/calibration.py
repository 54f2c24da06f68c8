"""Whether the confidences are right: predictions sorted into bins of confidence.

Pure functions over probabilities; knows nothing of networks, files or figures.
"""

from dataclasses import dataclass

import numpy as np

BINS = 15  # of confidence, as in Guo et al. 2017
DIGITS = 6


@dataclass(frozen=True)
class Calibration:
    """Confidence against accuracy in `BINS` bins of equal width, as in a reliability diagram.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv:1706.04599).

    Attributes:
        images: in each bin, int64.
        correct: of them, int64.
        confidence: their mean probability of the predicted class, float64, 0 to 1; NaN without any.
    """

    images: np.ndarray
    correct: np.ndarray
    confidence: np.ndarray

    @property
    def filled(self) -> np.ndarray:
        """The bins that hold images, int64."""
        return np.flatnonzero(self.images)

    @property
    def accuracy(self) -> np.ndarray:
        """In each bin, float64, 0 to 1; NaN without images."""
        return np.where(self.images > 0, self.correct / np.maximum(self.images, 1), np.nan)

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1: the mean gap of an image's bin."""
        gaps = np.abs(self.accuracy - self.confidence)[self.filled]
        return float((gaps * self.images[self.filled]).sum() / self.images.sum())

    @property
    def mean_confidence(self) -> float:
        """Over all images, 0 to 1."""
        told = (self.confidence * self.images)[self.filled]
        return float(told.sum() / self.images.sum())

    def rows(self) -> list[tuple[float, float, int]]:
        """Mean confidence, accuracy and images of each bin that holds any."""
        return [
            (
                round(float(self.confidence[place]), DIGITS),
                round(float(self.accuracy[place]), DIGITS),
                int(self.images[place]),
            )
            for place in self.filled
        ]


def calibrate(probabilities: np.ndarray, labels: np.ndarray) -> Calibration:
    """Sorts predictions by their confidence.

    Args:
        probabilities: float64, N×classes, rows adding up to 1; at least one row.
        labels: int64, N.
    """
    confidence = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == labels
    # A bin holds its upper edge and not its lower one, as in the paper.
    places = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    images = np.bincount(places, minlength=BINS)
    total = np.bincount(places, confidence, minlength=BINS)
    mean = np.where(images > 0, total / np.maximum(images, 1), np.nan)
    return Calibration(images, np.bincount(places[hits], minlength=BINS), mean)
