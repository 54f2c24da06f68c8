from dataclasses import replace

import numpy as np

from cifarlens.dataset.arrays import dataset_digest, load_dataset, save_dataset


def test_round_trip(few_digits, tmp_path):
    save_dataset(tmp_path / "dataset", few_digits)
    found = load_dataset(tmp_path / "dataset")
    assert found.classes == few_digits.classes
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(found, name), getattr(few_digits, name))
    assert not found.train_images.flags.writeable


def test_digest_sees_every_byte(few_digits, tmp_path):
    save_dataset(tmp_path / "a", few_digits)
    save_dataset(tmp_path / "b", few_digits)
    labels = few_digits.test_labels.copy()
    labels[-1] = (labels[-1] + 1) % 10
    save_dataset(tmp_path / "c", replace(few_digits, test_labels=labels))
    assert dataset_digest(tmp_path / "a") == dataset_digest(tmp_path / "b")
    assert dataset_digest(tmp_path / "a") != dataset_digest(tmp_path / "c")
