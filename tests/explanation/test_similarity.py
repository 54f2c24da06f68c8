import numpy as np
from scipy.stats import spearmanr

from cifarlens.explanation.similarity import rank_correlation


def test_agrees_with_scipy_ties_and_all() -> None:
    random = np.random.default_rng(0)
    maps, others = (np.maximum(random.normal(size=(5, 8, 8)), 0) for _ in range(2))
    found = rank_correlation(maps, others)
    for one, two, value in zip(maps, others, found, strict=True):
        np.testing.assert_allclose(value, spearmanr(one.ravel(), two.ravel()).statistic)


def test_only_the_order_counts() -> None:
    rising = np.arange(16.0).reshape(1, 4, 4)
    np.testing.assert_allclose(rank_correlation(rising, rising**3), 1)
    np.testing.assert_allclose(rank_correlation(rising, -rising), -1)


def test_flat_maps() -> None:
    rising, flat = np.arange(16.0).reshape(1, 4, 4), np.zeros((1, 4, 4))
    assert rank_correlation(rising, flat).tolist() == [0]
    assert np.isnan(rank_correlation(flat, rising)).all()
