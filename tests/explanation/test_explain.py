import numpy as np
import pytest

from cifarlens.classifier.bundle import Bundle
from cifarlens.classifier.occlusion import OCCLUSION, occlusion_maps
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.explain import Explanations, explain, pick_evenly
from cifarlens.report.run import Run


def test_mistakes_and_correct_predictions_have_maps(
    explanations: Explanations, few_digits: Dataset, bundle: Bundle
) -> None:
    assert len(explanations.mistakes) == len(explanations.correct) == 3
    for item in explanations.mistakes:
        assert not item.case.correct
        np.testing.assert_array_equal(item.image, few_digits.test_images[item.case.index])
        assert tuple(item.predicted_maps)[:4] == tuple(item.true_maps) == bundle.config.layers
        assert np.abs(item.predicted_maps["layer3"] - item.true_maps["layer3"]).max() > 0
    for item in explanations.correct:
        assert item.case.correct
        np.testing.assert_array_equal(item.predicted_maps["prep"], item.true_maps["prep"])
    for item in (*explanations.mistakes, *explanations.correct):
        maps = item.predicted_maps
        assert len(maps) == 4 * 4
        assert np.abs(maps["layer3 HiResCAM"] - maps["layer3"]).max() > 0


def test_metrics_and_rows_name_the_maps(explanations: Explanations) -> None:
    metrics = explanations.metrics()
    assert set(metrics) == {"road", "road_random", "sanity"}
    assert len(explanations.sample) == 6
    assert all(value == round(value, 3) for value in metrics.values())
    rows = explanations.rows()
    assert len({name for name, *_ in rows}) == 4 * 4 + 1
    assert ("layer3", metrics["road"], metrics["sanity"]) in [row[:3] for row in rows]
    assert "layer3 LayerCAM" in [name for name, *_ in rows]
    assert rows[-1] == ("random", metrics["road_random"], None, None, None)
    for name, _, _, *passed in rows[:-1]:
        assert [value == "yes" for value in passed] == list(explanations.trusted(name))


def test_occlusion_is_shown_and_tested_on_the_sample(
    bundle: Bundle, explanations: Explanations
) -> None:
    removed = explanations.faithfulness.most_removed
    assert (removed[OCCLUSION] != removed["random"]).any()
    for item in explanations.sample:
        saliency = item.predicted_maps[OCCLUSION]
        (drops,) = occlusion_maps(bundle, item.image[None], [[item.case.predicted]])
        assert saliency.shape == (32, 32)
        assert saliency.min() == 0
        assert saliency.max() == pytest.approx(1, abs=0.15)
        small = saliency.reshape(8, 4, 8, 4).mean((1, 3))
        assert np.corrcoef(small.ravel(), drops[0].clip(0).ravel())[0, 1] > 0.9


def test_removal_examples_follow_the_layer_of_the_parameter(
    bundle: Bundle, few_digits: Dataset, run: Run, explanations: Explanations
) -> None:
    assert explanations.layer == "layer3"  # auto
    other = explain(bundle, few_digits.test_images, run.cases, 3, layer="layer1")
    assert other.layer == "layer1"
    pairs = list(zip(explanations.removals, other.removals, strict=True))
    assert len(pairs) == 3
    for one, two in pairs:
        assert one.row == two.row
        assert explanations.sample[one.row].case.correct
    assert any((one.without_most != two.without_most).any() for one, two in pairs)


def test_items_are_evenly_spaced() -> None:
    assert pick_evenly("abcdefgh", 4) == ["a", "c", "e", "g"]
    assert pick_evenly("abc", 9) == ["a", "b", "c"]
    assert pick_evenly("", 4) == []
