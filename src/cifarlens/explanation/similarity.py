"""Measures how similar saliency maps are."""

import numpy as np
from scipy.stats import rankdata


def rank_correlation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns Spearman's rank correlation of each pair of maps, float64 N, -1 to 1.

    1 means that both maps order the pixels in the same way, 0 that the orders are unrelated, -1
    that they are opposite. The result is 0 where only the second map is flat, and NaN where the
    first map is flat.

    Args:
        maps: N×H×W, N at least 1.
        others: N×H×W.
    """
    first, second = (_centred_ranks(part.reshape(len(part), -1)) for part in (maps, others))
    sizes = [np.sqrt((ranks**2).sum(axis=1)) for ranks in (first, second)]
    product = (first * second).sum(axis=1) / np.maximum(sizes[0] * sizes[1], 1e-12)
    return np.where(sizes[0] > 0, product, np.nan)


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    ranks = rankdata(values, axis=1)
    return np.asarray(ranks - ranks.mean(axis=1, keepdims=True), np.float64)
