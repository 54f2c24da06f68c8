"""Computes the shares that the confusion matrix shows as colours."""

import numpy as np


def row_shares(confusion: np.ndarray) -> np.ndarray:
    """Returns each row divided by its sum, float64; zeros for a class without images."""
    totals = confusion.sum(axis=1, keepdims=True)
    return np.asarray(confusion / np.maximum(totals, 1), np.float64)
