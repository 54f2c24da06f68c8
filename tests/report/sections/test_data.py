from dataclasses import replace

import numpy as np
import pytest

from cifarlens.dataset.arrays import Dataset
from cifarlens.report.run import Run
from cifarlens.report.sections.data import VERSIONS, augmented_versions, class_sizes, data_section
from cifarlens.training.data.datamodule import ImageDataModule


def test_augmented_versions_equal_the_images_of_training(run: Run) -> None:
    """The expected images come from the data module of the training."""
    module = ImageDataModule(
        run.dataset,
        run.config.mean,
        run.params.augment,
        batch_size=10,
        val_size=0,
        workers=0,
        seed=7,
    )
    versions = augmented_versions(replace(run, params=replace(run.params, seed=7)), 5)
    assert versions.shape == (VERSIONS, 32, 32, 3)
    for epoch, image in enumerate(versions):
        (expected,), _ = module.train_images.__getitems__([(epoch, 5)])
        np.testing.assert_array_equal(image, expected)
    assert len({image.tobytes() for image in versions}) > 1


def test_the_first_classes_have_examples_except_those_without_images(
    run: Run, few_digits: Dataset
) -> None:
    section = data_section(run)
    assert section["strips"]["3"][1] == 5
    assert [item["name"] for item in section["augmented"]] == ["0", "1", "2", "3", "4", "5"]
    rows = few_digits.train_labels != 1
    images, labels = few_digits.train_images[rows], few_digits.train_labels[rows]
    dataset = replace(few_digits, train_images=images, train_labels=labels)
    section = data_section(replace(run, dataset=dataset))
    assert "1" not in section["strips"]
    assert [item["name"] for item in section["augmented"]] == ["0", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("sizes", "chart"), [((20, 20), False), ((22, 20), False), ((23, 20), True), ((20, 0), True)]
)
def test_a_chart_of_the_classes_only_if_their_sizes_differ(
    few_digits: Dataset, sizes: tuple[int, int], chart: bool
) -> None:
    labels = np.repeat(range(10), [sizes[0], *[sizes[1]] * 9])
    section = class_sizes(replace(few_digits, train_labels=labels))
    assert (section["high"], section["low"]) == sizes
    assert (section["balance"] is not None) is chart
