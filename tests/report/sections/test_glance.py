from dataclasses import replace

import numpy as np
import pytest
from report_making import make_run

from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.explain import Explanations
from cifarlens.report.page import render_page
from cifarlens.report.run import Run
from cifarlens.report.sections.glance import glance_section


def render(run: Run, explanations: Explanations) -> str:
    text = render_page(
        "sections/glance.html.j2",
        (),
        run=run,
        classes=run.dataset.classes,
        title="Digits",
        opacity=0.6,
        glance=glance_section(run, explanations),
    )
    return " ".join(text.split())


def test_the_findings_name_the_weakest_class_and_the_most_frequent_mistake(
    few_digits: Dataset, explanations: Explanations
) -> None:
    labels = few_digits.test_labels
    predicted = np.where(labels == 3, 8, labels)
    predicted[labels == 4] = np.where(np.arange((labels == 4).sum()) < 2, 9, 4)
    run = make_run(few_digits, 5 * np.eye(10, dtype=np.float32)[predicted])
    values = glance_section(run, explanations)
    assert (values["weakest"], values["weakest_accuracy"]) == ("3", 0)
    assert (values["strongest"], values["strongest_accuracy"]) == ("0", 1)
    threes = int((labels == 3).sum())
    assert values["pair"] == [("3", "8", threes, threes)]
    assert f"{threes} of {threes} images of <b>3</b> are predicted as <b>8</b>" in render(
        run, explanations
    )


@pytest.mark.parametrize(
    ("confidence", "answer"),
    [(0.999, "No, it is too sure"), (0.9, "Yes: the mean"), (0.6, "No, it is too cautious")],
)
def test_the_confidence_is_compared_with_the_accuracy(
    few_digits: Dataset, explanations: Explanations, confidence: float, answer: str
) -> None:
    """Nine of ten predictions are correct."""
    labels = few_digits.test_labels
    predicted = np.where(np.arange(len(labels)) % 10 == 0, (labels + 1) % 10, labels)
    top = 0.8 * np.log(9 * confidence / (1 - confidence))  # the temperature of the run is 0.8
    run = make_run(few_digits, (top * np.eye(10)[predicted]).astype(np.float32))
    assert run.result.accuracy == 0.9
    assert answer in render(run, explanations)


@pytest.mark.parametrize(
    ("faithful", "changes", "answer"),
    [
        (True, True, "On average, but not each single one: without the pixels"),
        (True, False, "No: without"),
        (False, True, "No: without"),
        (False, False, "No: without"),
    ],
)
def test_the_maps_are_trusted_if_they_pass_both_tests(
    run: Run, explanations: Explanations, faithful: bool, changes: bool, answer: str
) -> None:
    layer, road, sanity = explanations.layer, explanations.faithfulness, explanations.sanity
    drop = np.linspace(0.2, 0.4, len(road.original)) * (1 if faithful else -1)
    most = {**road.most_removed, layer: road.least_removed[layer] - 2 * drop}
    similarity = {**sanity.similarity, layer: np.full(5, 0.0 if changes else 0.9)}
    tested = replace(
        explanations,
        faithfulness=replace(road, most_removed=most),
        sanity=replace(sanity, similarity=similarity),
    )
    text = render(run, tested)
    assert answer in text
    assert ("maps change, as they should." in text) == changes
    drops = [road.original.mean() - tested.faithfulness.most_removed[layer].mean()]
    drops.append(road.original.mean() - road.most_removed["random"].mean())
    words = "falls by {:.0f} points, without random pixels by {:.0f}"
    assert words.format(*(100 * drop for drop in drops)) in text


def test_the_share_of_the_evidence_in_the_middle(run: Run, explanations: Explanations) -> None:
    heat = np.zeros((32, 32), np.float32)
    heat[8:24, 8:24] = 0.5
    heat[0, :] = 1  # 32 of 160
    item = replace(explanations.sample[0], predicted_maps={explanations.layer: heat})
    values = glance_section(run, replace(explanations, sample=[item]))
    assert values["middle"] == pytest.approx(128 / 160)


def test_maps_that_mark_nothing_and_classes_that_are_equally_bad(
    few_digits: Dataset, explanations: Explanations
) -> None:
    labels = few_digits.test_labels
    run = make_run(few_digits, np.eye(10, dtype=np.float32)[(labels + 1) % 10])
    layer, sanity = explanations.layer, explanations.sanity
    similarity = {**sanity.similarity, layer: np.full(5, np.nan)}
    text = render(run, replace(explanations, sanity=replace(sanity, similarity=similarity)))
    assert f"No: at {layer}, they mark nothing." in text
    assert "of the evidence lies" not in text
    assert "None: 0.0% of the images of each class" in text


def test_unbalanced_classes_have_balanced_scores_and_another_guess(
    few_digits: Dataset, explanations: Explanations
) -> None:
    labels = np.arange(100) % 10
    even = make_run(replace(few_digits, test_labels=labels), np.eye(10, dtype=np.float32)[labels])
    assert "Guessing gives 10%." in render(even, explanations)
    assert "macro" not in render(even, explanations)
    dataset = replace(few_digits, test_labels=np.repeat(range(10), [91, *[1] * 9]))
    always_0 = np.tile(np.eye(1, 10, dtype=np.float32), (100, 1))
    text = render(make_run(dataset, always_0), explanations)
    assert "Always answering <b>0</b> gives 91.0%." in text
    assert "have 1 to 91 test images" in text
    assert "<b>10.00%</b>, macro F1 <b>0.095</b>" in text
    assert "<b>1</b> and 8 other classes: 0.0% of their images" in text


def test_equally_weak_classes_are_counted_and_the_share_of_many_classes_is_not_zero(
    few_digits: Dataset, explanations: Explanations
) -> None:
    labels = np.arange(100) * 2
    names = tuple(f"class {label}" for label in range(200))
    logits = np.eye(200, dtype=np.float32)[np.where(labels < 6, 8, labels)]
    dataset = replace(few_digits, test_labels=labels, classes=names)
    text = render(make_run(dataset, logits), explanations)
    assert "<b>class 0</b> and 2 other classes: 0.0% of their images" in text
    labels = np.arange(200) % 200
    dataset = replace(dataset, test_labels=labels, test_images=few_digits.train_images)
    text = render(make_run(dataset, np.eye(200, dtype=np.float32)), explanations)
    assert "Guessing gives 0.5%" in text


def test_a_test_image_that_trains_is_named_at_the_top(run: Run, explanations: Explanations) -> None:
    text = render(replace(run, shared=1), explanations)
    assert "<b>The accuracy is too high</b>: 1 of the test images is a training image too" in text
