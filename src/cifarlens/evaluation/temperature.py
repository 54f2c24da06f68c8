"""Fits a temperature: one number that divides all logits, so that confidence matches accuracy.

The largest logit stays the largest, so the predictions and the accuracy do not change.
"""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch.nn.functional import cross_entropy

from .calibration import DIGITS

LIMITS = np.log([0.01, 100.0])  # of the temperature's logarithm; far beyond what networks need


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the temperature with the smallest cross-entropy on held-out images.

    As in Platt scaling, the targets lie slightly inside 0 and 1, as if one more image had a random
    class. Without this, the temperature would be 0 if all predictions are correct.

    Source: Guo et al. 2017 (arXiv:1706.04599); Platt 1999 for the targets.

    Args:
        logits: of images that did not train the network, float32 N×classes, at least one row.
        labels: int64, N.
    """
    count, classes = logits.shape
    scores = torch.from_numpy(np.array(logits)).double()
    targets = torch.from_numpy((count * np.eye(classes)[labels] + 1 / classes) / (count + 1))

    def loss(log_temperature: float) -> float:
        return float(cross_entropy(scores / np.exp(log_temperature), targets))

    fit = minimize_scalar(loss, bounds=LIMITS, method="bounded", options={"xatol": 1e-7})
    return round(float(np.exp(fit.x)), DIGITS)
