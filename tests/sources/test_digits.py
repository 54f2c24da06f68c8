"""The digits as a data set: shapes, split, and that the enlarged images are still the digits."""

import hashlib

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from cifarlens.dataset.arrays import Dataset, dataset_digest, save_dataset
from cifarlens.sources.digits import read_digits

GOLDEN = "b8237bfa6f2b11ad35c52927ff9c8b0628dc87100a01eff1cfaf5f2deaf4555b"


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return read_digits()


def test_shapes_and_types(digits):
    assert digits.train_images.shape == (1437, 32, 32, 3)
    assert digits.test_images.shape == (360, 32, 32, 3)
    assert digits.train_images.dtype == digits.test_images.dtype == np.uint8
    assert digits.train_labels.shape == (1437,)
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int64
    assert digits.classes == tuple("0123456789")


def test_full_range_and_equal_channels(digits):
    assert digits.train_images.min() == 0
    assert digits.train_images.max() == 255
    np.testing.assert_array_equal(digits.train_images[..., 0], digits.train_images[..., 2])


def test_every_class_has_the_same_share_in_both_parts(digits):
    train, test = np.bincount(digits.train_labels), np.bincount(digits.test_labels)
    np.testing.assert_allclose(test / (train + test), 360 / 1797, atol=0.005)


def test_each_digit_is_in_exactly_one_part_with_its_label(digits):
    bundled = load_digits()
    images = np.concatenate([digits.train_images, digits.test_images])[..., 0]
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    # The middle of each 4×4 block is close to the 8×8 image's pixel.
    blocks = images.reshape(-1, 8, 4, 8, 4)[:, :, 1:3, :, 1:3]
    small = blocks.mean(axis=(2, 4)).reshape(-1, 64) * 16 / 255
    nearest = cdist(small, bundled.images.reshape(-1, 64)).argmin(axis=1)
    assert sorted(nearest) == list(range(1797))
    np.testing.assert_array_equal(labels, bundled.target[nearest])


def test_same_bytes_every_time(digits, tmp_path):
    save_dataset(tmp_path / "a", digits)
    save_dataset(tmp_path / "b", read_digits())
    assert dataset_digest(tmp_path / "a") == dataset_digest(tmp_path / "b")


def test_images_are_known_bytes(digits):
    """A golden sum: another filter, rounding or split is another data set."""
    digest = hashlib.sha256(digits.train_images.tobytes() + digits.test_images.tobytes())
    assert digest.hexdigest() == GOLDEN
