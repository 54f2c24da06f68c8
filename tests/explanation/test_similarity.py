import numpy as np
from scipy.stats import spearmanr

from cifarlens.explanation.similarity import rank_correlation


def test_the_correlation_equals_that_of_scipy_with_ties() -> None:
    random = np.random.default_rng(0)
    maps, others = (np.maximum(random.normal(size=(5, 8, 8)), 0) for _ in range(2))
    maps[0], others[0] = np.arange(64.0).reshape(8, 8), -(np.arange(64.0).reshape(8, 8) ** 3)
    values = rank_correlation(maps, others)
    for one, other, value in zip(maps, others, values, strict=True):
        np.testing.assert_allclose(value, spearmanr(one.ravel(), other.ravel()).statistic)


def test_flat_maps() -> None:
    rising, flat = np.arange(16.0).reshape(1, 4, 4), np.zeros((1, 4, 4))
    assert rank_correlation(rising, flat).tolist() == [0]
    assert np.isnan(rank_correlation(flat, rising)).all()
