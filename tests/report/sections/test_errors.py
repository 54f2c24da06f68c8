from dataclasses import replace

import numpy as np
import pytest
from report_making import make_run, noisy_logits

from cifarlens.dataset.arrays import Dataset
from cifarlens.report.run import Run
from cifarlens.report.sections.errors import LOWEST, MANY, MAX_MISTAKES, STRIP, error_section


def test_classes_come_by_accuracy_and_those_without_images_last(few_digits: Dataset) -> None:
    logits = noisy_logits(few_digits.test_labels, 10, 1.5)
    logits[:, 3] = -9
    rows = few_digits.test_labels != 7
    images, labels = few_digits.test_images[rows], few_digits.test_labels[rows]
    run = make_run(replace(few_digits, test_images=images, test_labels=labels), logits[rows])
    section = error_section(run)
    ((first, *middle, last),) = section["classes"]
    assert (first["name"], first["accuracy"], first["precision"]) == ("3", 0, None)
    assert (last["name"], last["accuracy"], last["interval"]) == ("7", None, None)
    accuracies = [row["accuracy"] for row in middle]
    assert accuracies == sorted(accuracies)
    assert section["low"] == 0


def test_the_scale_of_the_classes_starts_just_below_the_lowest_value(run: Run) -> None:
    section = error_section(run)
    values = [row["interval"][0] for row in section["classes"][0]]
    values += [row["precision"] for row in section["classes"][0]]
    assert 0 <= min(values) - section["low"] < 0.1


def test_the_gallery_has_every_pair_and_the_strips_share_no_image(digits: Dataset) -> None:
    run = make_run(digits, noisy_logits(digits.test_labels, 10, 3))
    section = error_section(run)
    assert section["total"] < MAX_MISTAKES
    pairs = [(item["case"].true, item["case"].predicted) for item in section["mistakes"]]
    available = np.count_nonzero(run.result.confusion) - 10
    assert len(set(pairs[:available])) == available
    strips = [[item["case"] for item in section[name]] for name in ("suspects", "hardest")]
    indices = {case.index for strip in strips for case in strip}
    assert len(indices) == 2 * STRIP
    suspects, hardest = strips
    margins = [case.confidence - case.true_probability for case in suspects]
    assert margins == sorted(margins, reverse=True)
    assert section["suspected"] > STRIP
    worst = [case.true_probability for case in hardest]
    assert worst == sorted(worst)


def test_without_errors_the_hardest_images_are_the_least_sure(digits: Dataset) -> None:
    run = make_run(digits, noisy_logits(digits.test_labels, 10, 0.3))
    section = error_section(run)
    assert section["suspects"] == section["mistakes"] == section["pairs"] == []
    hardest = [item["case"].confidence for item in section["hardest"]]
    assert hardest == sorted(case.confidence for case in run.cases)[:STRIP]


@pytest.mark.parametrize("count", [2, MANY, MANY + 1, 200])
def test_many_classes_have_a_matrix_without_numbers_and_folded_rows(
    few_digits: Dataset, count: int
) -> None:
    labels = np.arange(100) % count
    names = tuple(f"class {label}" for label in range(count))
    run = make_run(
        replace(few_digits, test_labels=labels, classes=names), noisy_logits(labels, count, 2)
    )
    section = error_section(run)
    many = count > MANY
    assert (section["map"] is not None) is many
    sizes = [len(rows) for rows in section["classes"]]
    assert sizes == ([LOWEST, count - LOWEST] if many else [count])
    assert sum(images for *_, images in section["cells"]) == 100
