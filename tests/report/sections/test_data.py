import re
from dataclasses import replace

import numpy as np
import pytest

from cifarlens.dataset.arrays import Dataset
from cifarlens.report.page import render_page
from cifarlens.report.run import Run
from cifarlens.report.sections.data import VERSIONS, augmented_versions, class_sizes, data_section
from cifarlens.report.sections.errors import MANY
from cifarlens.training.data.datamodule import ImageDataModule


def render(run: Run) -> str:
    text = render_page(
        "sections/data.html.j2",
        (),
        run=run,
        classes=run.dataset.classes,
        many=MANY,
        data=data_section(run),
    )
    return " ".join(text.split())


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
        (expected,), _ = module.train_images.load(epoch, [5])
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
    ("train", "test", "unbalanced"),
    [((20, 20), 10, False), ((22, 20), 11, False), ((23, 20), 10, True), ((20, 20), 12, True)],
)
def test_sizes_of_classes_come_largest_first_and_differ_in_either_part(
    few_digits: Dataset, train: tuple[int, int], test: int, unbalanced: bool
) -> None:
    other, last = train
    dataset = replace(
        few_digits,
        train_labels=np.repeat(range(10), [last, *[other] * 9][::-1]),
        test_labels=np.repeat(range(10), [test, *[10] * 9]),
    )
    section = class_sizes(dataset)
    assert section["names"] == list("0123456789")
    assert section["sizes"] == {"training": [other] * 9 + [last], "test": [test] + [10] * 9}
    assert section["unbalanced"] is unbalanced


def test_many_classes_have_a_bar_each_and_a_table(run: Run) -> None:
    even = replace(run.dataset, train_labels=np.arange(200) % 10, test_labels=np.arange(100) % 10)
    text = render(replace(run, dataset=even))
    assert "The training images are balanced: 20 of each class" in text
    assert "sizes" not in text
    labels = np.sort(np.arange(200) ** 2 // 900)  # 30 images of class 0, 3 of class 43
    names = tuple(f"class {label}" for label in range(45))
    dataset = replace(run.dataset, train_labels=labels, classes=names)
    text = render(replace(run, dataset=dataset))
    assert "The largest class has <b>30 times</b> as many training images" in text
    assert "a bar for each class: 1 to 30" in text
    paths = re.findall(r'<path d="(.*?)"', text)
    assert [path.count("h1") for path in paths] == [45, 45]
    assert text.index(">class 0<") < text.index(">class 43<")


def test_images_that_are_in_both_parts_are_counted_and_explained(run: Run) -> None:
    assert "is too high" not in render(run)
    text = render(replace(run, shared=1))
    assert "1 of the 100 test images is a training image too" in text
    text = render(replace(run, shared=23))
    assert "23 of the 100 test images are training images too" in text
    assert "so the accuracy is too high" in text
