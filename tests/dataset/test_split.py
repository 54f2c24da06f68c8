import numpy as np

from cifarlens.dataset.split import split


def test_held_out_images_are_stratified_and_apart(digits):
    train, held_out = split(digits.train_labels, 137)
    assert len(held_out) == 137
    assert sorted([*train, *held_out]) == list(range(1437))
    counts = np.bincount(digits.train_labels[held_out])
    assert counts.min() >= 13
    assert counts.max() <= 15
