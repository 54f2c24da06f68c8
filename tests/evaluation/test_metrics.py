import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from cifarlens.evaluation.metrics import balanced, confused_pairs, evaluate, wilson_interval

CLASSES = ("ant", "bee", "cow")
LOGITS = np.array([[2, 0, 0], [0, 3, 0], [0, 1, 0], [0, 0, 4], [1, 0, 0]], np.float32)
LABELS = np.array([0, 1, 0, 2, 2])


def test_numbers_by_hand() -> None:
    result = evaluate(LOGITS, LABELS, CLASSES)
    assert (result.images, result.correct) == (5, 3)
    assert result.accuracy == pytest.approx(0.6)
    np.testing.assert_allclose(result.class_accuracy, [0.5, 1, 0.5])
    np.testing.assert_array_equal(result.confusion, [[1, 1, 0], [0, 1, 0], [1, 0, 1]])
    np.testing.assert_array_equal(result.class_images, [2, 1, 2])
    total = 0.0
    for row, label in zip(LOGITS.astype(float), LABELS, strict=True):
        total += math.log(sum(math.exp(logit) for logit in row)) - row[label]
    assert result.loss == pytest.approx(total / 5)


def test_metrics_are_rounded_and_omit_a_class_without_images() -> None:
    result = evaluate(LOGITS[:3], LABELS[:3], CLASSES)
    metrics = result.metrics()
    assert metrics["accuracy"] == 0.666667
    assert metrics["classes"] == {"ant": 0.5, "bee": 1.0}
    assert result.class_rows() == [("ant", 0.5, 2), ("bee", 1.0, 1), ("cow", None, 0)]
    rows = [("ant", "ant", 1), ("ant", "bee", 1), ("bee", "bee", 1)]
    assert result.confusion_rows() == rows
    numbers = {"accuracy", "balanced_accuracy", "macro_f1", "loss", "calibration_error"}
    assert set(metrics) == numbers | {"classes"}


@pytest.mark.parametrize(("classes", "images"), [(2, 3), (2, 500), (10, 500), (200, 300)])
def test_the_scores_of_unbalanced_classes_equal_those_of_scikit_learn(
    classes: int, images: int
) -> None:
    """With 200 classes some have no images, and many are never predicted."""
    random = np.random.default_rng(classes)
    labels = random.integers(classes, size=images) ** 2 // classes
    logits = random.normal(size=(images, classes)).astype(np.float32)
    logits[:, 0] += 2
    logits[np.arange(images), labels] += 1
    predicted = logits.argmax(axis=1)
    result = evaluate(logits, labels, [str(label) for label in range(classes)])
    assert result.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    expected = f1_score(labels, predicted, average="macro", zero_division=0)
    assert result.macro_f1 == pytest.approx(expected)


def test_a_class_that_is_never_predicted_has_an_f1_of_0() -> None:
    always_first = np.tile([[1, 0]], (10, 1)).astype(np.float32)
    result = evaluate(always_first, np.array([0] * 9 + [1]), "ab")
    assert (result.accuracy, result.balanced_accuracy) == (0.9, 0.5)
    assert result.macro_f1 == pytest.approx((2 * 0.9 / 1.9) / 2)


def test_classes_are_balanced_up_to_a_difference_of_a_tenth() -> None:
    counts = ([100, 110], [35, 37, 36], [100, 111], [5, 0])
    assert [balanced(np.array(row)) for row in counts] == [True, True, False, False]


def test_the_wilson_interval_agrees_with_published_values() -> None:
    # Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson_interval(20, 20)[1] == 1
    both = wilson_interval(np.array([81, 15]), np.array([263, 148]))
    assert both[:, 1] == pytest.approx([0.0624, 0.1605], abs=5e-5)


def test_confused_pairs_come_most_frequent_first_without_hits() -> None:
    confusion = np.array([[50, 2, 0], [7, 40, 2], [0, 0, 60]])
    assert confused_pairs(confusion, 10) == [(1, 0, 7), (0, 1, 2), (1, 2, 2)]
    assert confused_pairs(confusion, 1) == [(1, 0, 7)]
    assert confused_pairs(np.diag([3, 4]), 10) == []
