"""The digits as a dataset: shapes, split and content of the enlarged images."""

import hashlib

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

SHA256 = "b8237bfa6f2b11ad35c52927ff9c8b0628dc87100a01eff1cfaf5f2deaf4555b"  # of all images


def test_each_digit_is_in_exactly_one_part_and_each_class_has_equal_shares(digits):
    bundled = load_digits()
    images = np.concatenate([digits.train_images, digits.test_images])[..., 0]
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    # The middle of each 4×4 block is close to the pixel of the 8×8 image.
    blocks = images.reshape(-1, 8, 4, 8, 4)[:, :, 1:3, :, 1:3]
    small = blocks.mean(axis=(2, 4)).reshape(-1, 64) * 16 / 255
    nearest = cdist(small, bundled.images.reshape(-1, 64)).argmin(axis=1)
    assert sorted(nearest) == list(range(1797))
    np.testing.assert_array_equal(labels, bundled.target[nearest])
    shares = np.bincount(digits.test_labels) / np.bincount(labels)
    np.testing.assert_allclose(shares, 360 / 1797, atol=0.005)


def test_images_have_the_known_shape_and_hash(digits):
    """A different filter, rounding or split would give a different dataset."""
    assert digits.train_images.shape == (1437, 32, 32, 3)
    assert digits.train_labels.dtype == np.int64
    assert digits.classes == tuple("0123456789")
    images = hashlib.sha256(digits.train_images.tobytes() + digits.test_images.tobytes())
    assert images.hexdigest() == SHA256
