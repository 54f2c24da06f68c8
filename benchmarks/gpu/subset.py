"""Replaces the dataset in the current folder by its first images, to try the other programs."""

from dataclasses import replace

import numpy as np

from cifarlens.dataset.arrays import load_dataset, save_dataset
from cifarlens.runtime.paths import DATASET

TRAIN, TEST = 600, 200  # images


def main() -> None:
    dataset = load_dataset(DATASET)
    few = replace(
        dataset,
        train_images=np.array(dataset.train_images[:TRAIN]),  # copies: their files are replaced
        train_labels=np.array(dataset.train_labels[:TRAIN]),
        test_images=np.array(dataset.test_images[:TEST]),
        test_labels=np.array(dataset.test_labels[:TEST]),
    )
    save_dataset(DATASET, few)


if __name__ == "__main__":
    main()
