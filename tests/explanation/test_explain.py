import numpy as np

from cifarlens.classifier.bundle import Bundle
from cifarlens.dataset.arrays import Dataset
from cifarlens.evaluation.cases import all_cases
from cifarlens.explanation.explain import Explanations, explain, spread
from cifarlens.report.run import Run


def test_explains_mistakes_and_correct_ones(
    explanations: Explanations, few_digits: Dataset, bundle: Bundle
) -> None:
    assert len(explanations.mistakes) == len(explanations.correct) == 3
    for item in explanations.mistakes:
        assert not item.case.correct
        np.testing.assert_array_equal(item.image, few_digits.test_images[item.case.index])
        assert tuple(item.predicted)[:4] == tuple(item.true) == bundle.config.layers
        assert np.abs(item.predicted["layer3"] - item.true["layer3"]).max() > 0
    for item in explanations.correct:
        assert item.case.correct
        np.testing.assert_array_equal(item.predicted["prep"], item.true["prep"])


def test_other_methods_explain_the_predicted_class(explanations: Explanations) -> None:
    for item in (*explanations.mistakes, *explanations.correct):
        assert len(item.predicted) == 4 * 4
        assert np.abs(item.predicted["layer3 HiResCAM"] - item.predicted["layer3"]).max() > 0


def test_metrics_name_every_layer_and_the_methods_at_the_last(explanations: Explanations) -> None:
    metrics = explanations.metrics()
    layers = ("prep", "layer1", "layer2", "layer3")
    last = [f"layer3_{method}" for method in ("gradcampp", "hirescam", "layercam")]
    assert set(metrics) == {
        "misclassified_images",
        "correct_images",
        "road_images",
        "road_random",
        *(f"{test}_{name}" for test in ("road", "sanity") for name in (*layers, *last)),
    }
    assert metrics["road_images"] == 6
    assert all(value == round(value, 3) for value in metrics.values())


def test_the_table_has_a_row_a_map(explanations: Explanations) -> None:
    rows = explanations.rows()
    assert len({name for name, *_ in rows}) == 4 * 4 + 1
    metrics = explanations.metrics()
    assert ("layer3 LayerCAM", metrics["road_layer3_layercam"]) in [row[:2] for row in rows]
    assert rows[-1] == ("random", metrics["road_random"], None)


def test_the_layer_shown_first_is_the_last_or_the_one_named(
    bundle: Bundle, few_digits: Dataset, run: Run, explanations: Explanations
) -> None:
    assert explanations.layer == "layer3"
    named = explain(bundle, few_digits.test_images, run.cases, 1, layer="layer2")
    assert named.layer == "layer2"


def test_removals_follow_the_layer_asked_for(
    bundle: Bundle, few_digits: Dataset, run: Run, explanations: Explanations
) -> None:
    other = explain(bundle, few_digits.test_images, run.cases, 3, layer="layer1")
    pairs = list(zip(explanations.removals, other.removals, strict=True))
    assert len(pairs) == 3
    for one, two in pairs:
        assert one.place == two.place
        assert explanations.measured[one.place].case.correct
    assert any((one.without_most != two.without_most).any() for one, two in pairs)


def test_without_mistakes(bundle: Bundle, few_digits: Dataset) -> None:
    labels = few_digits.test_labels[:20]
    cases = all_cases(np.eye(10, dtype=np.float32)[labels], labels)
    found = explain(bundle, few_digits.test_images, cases, 2)
    assert found.mistakes == []
    assert found.metrics()["road_images"] == 2


def test_spread_is_even(explanations: Explanations) -> None:
    first, second, third = explanations.mistakes
    assert spread(explanations.mistakes, 2) == [first, second]
    assert spread(explanations.mistakes, 9) == [first, second, third]
    assert spread([], 4) == []
