from dataclasses import replace

import numpy as np
import pytest

from cifarlens.dataset.arrays import dataset_digest, load_dataset, save_dataset
from cifarlens.runtime.errors import UserError


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


def spoil_missing(folder):
    (folder / "test_labels.npy").unlink()


def spoil_truncated(folder):
    path = folder / "train_images.npy"
    path.write_bytes(path.read_bytes()[:-1])


def spoil_type(folder):
    np.save(folder / "train_images.npy", np.zeros((200, 32, 32, 3), np.float32))


def spoil_length(folder):
    np.save(folder / "train_labels.npy", np.zeros(7, np.int64))


def spoil_pickle(folder):
    np.save(folder / "train_labels.npy", np.array([{}] * 200), allow_pickle=True)


def spoil_names(folder):
    (folder / "classes.json").write_text("[1, 2]")


def spoil_labels(folder):
    np.save(folder / "train_labels.npy", np.full(200, 10, np.int64))


@pytest.mark.parametrize(
    "spoil",
    [
        *(spoil_missing, spoil_truncated, spoil_type, spoil_length, spoil_pickle),
        *(spoil_names, spoil_labels),
    ],
)
def test_damage_is_named(few_digits, tmp_path, spoil):
    folder = tmp_path / "dataset"
    save_dataset(folder, few_digits)
    spoil(folder)
    with pytest.raises(UserError, match=r"is damaged .* run `dvc repro -f -s download`"):
        load_dataset(folder)


def test_no_data_set_yet(tmp_path):
    with pytest.raises(UserError, match=r"no data set in .*nowhere yet: `dvc repro` brings it"):
        load_dataset(tmp_path / "nowhere")
