import numpy as np

from cifarlens.dataset.statistics import channel_statistics, class_counts


def test_statistics_agree_with_numpy_in_double_precision():
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 9, 3), np.uint8)
    images[..., 1] //= 3
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(std, (images / 255).std((0, 1, 2)), rtol=1e-12)


def test_a_class_without_images_counts_zero():
    counts = class_counts(np.array([0, 2, 2], np.int64), ("cat", "dog", "ship"))
    assert list(counts.items()) == [("cat", 1), ("dog", 0), ("ship", 2)]
