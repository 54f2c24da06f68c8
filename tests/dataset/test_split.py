import numpy as np
import pytest

from cifarlens.dataset.split import split
from cifarlens.runtime.errors import UserError


def test_held_out_images_are_stratified_and_apart(digits):
    train, held_out = split(digits.train_labels, 137)
    assert len(held_out) == 137
    assert sorted([*train, *held_out]) == list(range(1437))
    counts = np.bincount(digits.train_labels[held_out])
    assert counts.min() >= 13
    assert counts.max() <= 15


def test_one_image_of_each_of_200_classes_can_be_held_out():
    labels = np.arange(600) % 200
    train, held_out = split(labels, 200)
    assert np.bincount(labels[held_out]).tolist() == [1] * 200
    assert np.bincount(labels[train]).tolist() == [2] * 200


def test_a_class_with_a_single_image_leaves_none_to_hold_out():
    labels = np.array([0, 1, 1, 1, 2, 2, 2])
    assert len(split(labels, 0)[1]) == 0
    with pytest.raises(UserError, match=r"val_size is 3; it must be 0 .* \(1 of 3 classes\)"):
        split(labels, 3)
