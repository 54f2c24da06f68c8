import numpy as np

from cifarlens.classifier.bundle import Bundle
from cifarlens.data.dataset import Dataset
from cifarlens.reporting.cases import all_cases
from cifarlens.reporting.explain import Explanations, explain, spread


def test_explains_mistakes_and_correct_ones(
    explanations: Explanations, few_digits: Dataset, bundle: Bundle
) -> None:
    assert len(explanations.mistakes) == len(explanations.correct) == 3
    for item in explanations.mistakes:
        assert not item.case.correct
        np.testing.assert_array_equal(item.image, few_digits.test_images[item.case.index])
        assert tuple(item.predicted) == bundle.config.layers
        assert np.abs(item.predicted["layer3"] - item.true["layer3"]).max() > 0
    for item in explanations.correct:
        assert item.case.correct
        np.testing.assert_array_equal(item.predicted["prep"], item.true["prep"])


def test_metrics_name_every_layer(explanations: Explanations) -> None:
    metrics = explanations.metrics()
    assert set(metrics) == {
        "misclassified_images",
        "correct_images",
        "road_images",
        "road_prep",
        "road_layer1",
        "road_layer2",
        "road_layer3",
        "road_random",
    }
    assert metrics["road_images"] == 6


def test_without_mistakes(bundle: Bundle, few_digits: Dataset) -> None:
    labels = few_digits.test_labels[:20]
    cases = all_cases(np.eye(10, dtype=np.float32)[labels], labels)
    found = explain(bundle, few_digits.test_images, cases, 2)
    assert found.mistakes == []
    assert found.metrics()["road_images"] == 2


def test_without_any_image(bundle: Bundle, few_digits: Dataset) -> None:
    found = explain(bundle, few_digits.test_images, [], 2)
    assert found.metrics() == {"misclassified_images": 0, "correct_images": 0, "road_images": 0}


def test_spread_is_even(explanations: Explanations) -> None:
    first, second, third = explanations.mistakes
    assert spread(explanations.mistakes, 2) == [first, second]
    assert spread(explanations.mistakes, 9) == [first, second, third]
    assert spread([], 4) == []
