"""How alike saliency maps are."""

import numpy as np
from scipy.stats import rankdata


def rank_correlation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of maps, pair by pair.

    1: both order the pixels alike; 0: one says nothing of the other; -1: opposite orders.

    Args:
        maps: N×H×W, N at least 1.
        others: N×H×W.

    Returns:
        float64 N; 0 where the second map is flat, as it then says nothing, and NaN where the
        first one is.
    """
    first, second = (_centred_ranks(part.reshape(len(part), -1)) for part in (maps, others))
    sizes = [np.sqrt((ranks**2).sum(axis=1)) for ranks in (first, second)]
    product = (first * second).sum(axis=1) / np.maximum(sizes[0] * sizes[1], 1e-12)
    return np.where(sizes[0] > 0, product, np.nan)


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    ranks = rankdata(values, axis=1)
    return np.asarray(ranks - ranks.mean(axis=1, keepdims=True), np.float64)
