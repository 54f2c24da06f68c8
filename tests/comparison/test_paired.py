"""The tests for two networks on the same images."""

import numpy as np
import pytest

from cifarlens.comparison.paired import compare_accuracy, loss_differs


def hits(only_a: int, only_b: int, both: int = 0) -> tuple[np.ndarray, np.ndarray]:
    a = [True] * only_a + [False] * only_b + [True] * both
    b = [False] * only_a + [True] * only_b + [True] * both
    return np.array(a, bool), np.array(b, bool)


def test_mcnemar_by_hand():
    test = compare_accuracy(*hits(3, 9, both=38))
    # At most 3 of 12 fair coins, or at least 9.
    assert test.p == pytest.approx(2 * (1 + 12 + 66 + 220) / 2**12)
    assert (test.images, test.only_a, test.only_b) == (50, 3, 9)
    assert test.difference == pytest.approx(6 / 50)
    assert not test.beyond_chance


def test_the_interval_excludes_0_exactly_if_the_difference_is_beyond_chance():
    for only_a in range(14):
        for only_b in range(14):
            test = compare_accuracy(*hits(only_a, only_b, both=5))
            low, high = test.interval
            assert low <= test.difference <= high
            assert test.beyond_chance == (low > 0 or high < 0), (only_a, only_b)


def test_several_tests_need_clearer_differences():
    assert compare_accuracy(*hits(0, 6)).p == pytest.approx(2 / 2**6)
    assert compare_accuracy(*hits(0, 6), tests=10).p == pytest.approx(20 / 2**6)
    assert compare_accuracy(*hits(1, 1), tests=10).p == 1


def test_no_difference_and_no_images():
    for both in (0, 4):
        test = compare_accuracy(*hits(0, 0, both))
        assert (test.p, test.difference, test.beyond_chance) == (1, 0, False)


def test_a_small_loss_on_every_image_is_beyond_chance_and_a_large_one_on_one_is_not():
    labels = np.zeros(100, np.int64)
    a = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    small, single = a.copy(), a.copy()
    small[:, 0] += 0.01
    single[0, 0] += 5
    assert loss_differs(a, small, labels)
    assert not loss_differs(a, single, labels)
    assert not loss_differs(a, a, labels)
