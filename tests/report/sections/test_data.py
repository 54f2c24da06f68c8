from dataclasses import replace

import numpy as np

from cifarlens.dataset.arrays import Dataset
from cifarlens.report.run import Run
from cifarlens.report.sections.data import AUGMENTED, VARIANTS, data_section, variants
from cifarlens.training.data.datamodule import ImageDataModule


def test_variants_are_what_training_sees(run: Run) -> None:
    """Pixel for pixel, by the very data module that feeds the training."""
    images = ImageDataModule(
        run.dataset,
        run.config.mean,
        run.params.augment,
        batch_size=10,
        val_size=0,
        workers=0,
        seed=7,
    )
    made = variants(replace(run, params=replace(run.params, seed=7)), 5)
    assert made.shape == (VARIANTS, 32, 32, 3)
    for epoch, image in enumerate(made):
        (seen,), _ = images.train_images.__getitems__([(epoch, 5)])
        np.testing.assert_array_equal(image, seen.numpy())
    assert len({image.tobytes() for image in made}) > 1


def test_an_image_of_each_of_the_first_classes(run: Run, few_digits: Dataset) -> None:
    section = data_section(run)
    assert [item["name"] for item in section["augmented"]] == list(few_digits.classes[:AUGMENTED])
    assert list(section["channels"]) == ["image", "red", "green", "blue"]
    assert section["strips"]["3"][1] == 10


def test_a_class_without_images_is_left_out(run: Run, few_digits: Dataset) -> None:
    kept = few_digits.train_labels != 1
    dataset = replace(
        few_digits,
        train_images=few_digits.train_images[kept],
        train_labels=few_digits.train_labels[kept],
    )
    section = data_section(replace(run, dataset=dataset))
    assert "1" not in section["strips"]
    assert [item["name"] for item in section["augmented"]] == ["0", "2", "3", "4", "5", "6"]
