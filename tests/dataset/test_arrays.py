from dataclasses import replace

import numpy as np

from cifarlens.dataset.arrays import ARRAYS, dataset_digest, load_dataset, save_dataset


def test_round_trip(few_digits, tmp_path):
    save_dataset(tmp_path / "dataset", few_digits)
    dataset = load_dataset(tmp_path / "dataset")
    assert dataset.classes == few_digits.classes
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(dataset, name), getattr(few_digits, name))
    assert not dataset.train_images.flags.writeable


def test_the_digest_depends_on_every_byte(few_digits, tmp_path):
    labels = few_digits.test_labels.copy()
    labels[-1] = (labels[-1] + 1) % 10
    changed = replace(few_digits, test_labels=labels)
    for name, dataset in (("a", few_digits), ("b", few_digits), ("c", changed)):
        save_dataset(tmp_path / name, dataset)
    assert dataset_digest(tmp_path / "a") == dataset_digest(tmp_path / "b")
    assert dataset_digest(tmp_path / "a") != dataset_digest(tmp_path / "c")
