from dataclasses import replace

import numpy as np

from cifarlens.dataset.arrays import Dataset
from cifarlens.dataset.duplicates import shared_images


def test_every_test_image_that_also_trains_counts_once(few_digits: Dataset) -> None:
    images = np.array(few_digits.test_images)
    assert shared_images(few_digits) == 0
    images[3] = images[5] = few_digits.train_images[7]  # the same one twice
    images[9] = few_digits.train_images[8]
    images[11] = few_digits.train_images[0]
    images[11, 0, 0, 0] ^= 1  # one value of one pixel differs
    assert shared_images(replace(few_digits, test_images=images)) == 3


def test_the_same_image_twice_in_one_part_is_not_shared(few_digits: Dataset) -> None:
    train, test = np.array(few_digits.train_images), np.array(few_digits.test_images)
    train[1], test[1] = train[0], test[0]
    assert shared_images(replace(few_digits, train_images=train, test_images=test)) == 0
