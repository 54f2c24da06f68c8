"""Compares confidence with accuracy: predictions sorted into bins by their confidence.

The functions are pure and take probabilities. They know nothing of networks, files or figures.
"""

from dataclasses import dataclass

import numpy as np

BINS = 15  # as in Guo et al. 2017
DIGITS = 6


@dataclass(frozen=True)
class Calibration:
    """Holds confidence and accuracy in `BINS` bins of equal width, as in a reliability diagram.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv:1706.04599).

    Attributes:
        images: number of images in each bin, int64.
        correct: number of correctly classified images in each bin, int64.
        confidence: mean probability of the predicted class in each bin, float64, 0 to 1; NaN in an
            empty bin.
    """

    images: np.ndarray
    correct: np.ndarray
    confidence: np.ndarray

    @property
    def filled_bins(self) -> np.ndarray:
        """Returns the indices of the bins that contain images, int64."""
        return np.flatnonzero(self.images)

    @property
    def accuracy(self) -> np.ndarray:
        """Returns the accuracy in each bin, float64, 0 to 1; NaN in an empty bin."""
        return np.where(self.images > 0, self.correct / np.maximum(self.images, 1), np.nan)

    @property
    def error(self) -> float:
        """Returns the expected calibration error, 0 to 1.

        It is the gap between confidence and accuracy in a bin, averaged over all images.
        """
        gaps = np.abs(self.accuracy - self.confidence)[self.filled_bins]
        return float((gaps * self.images[self.filled_bins]).sum() / self.images.sum())

    @property
    def mean_confidence(self) -> float:
        """Returns the mean confidence over all images, 0 to 1."""
        totals = (self.confidence * self.images)[self.filled_bins]
        return float(totals.sum() / self.images.sum())

    def rows(self) -> list[tuple[float, float, int]]:
        """Returns mean confidence, accuracy and number of images for each bin that has images."""
        return [
            (
                round(float(self.confidence[index]), DIGITS),
                round(float(self.accuracy[index]), DIGITS),
                int(self.images[index]),
            )
            for index in self.filled_bins
        ]


def measure_calibration(probabilities: np.ndarray, labels: np.ndarray) -> Calibration:
    """Sorts predictions into bins by their confidence.

    Args:
        probabilities: float64, N×classes, at least one row; each row sums to 1.
        labels: int64, N.
    """
    confidence = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == labels
    # A bin includes its upper edge and excludes its lower edge, as in the paper.
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    images = np.bincount(bins, minlength=BINS)
    total = np.bincount(bins, confidence, minlength=BINS)
    mean = np.where(images > 0, total / np.maximum(images, 1), np.nan)
    return Calibration(images, np.bincount(bins[hits], minlength=BINS), mean)
