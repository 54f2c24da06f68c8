from dataclasses import replace

import numpy as np
import pytest

from cifarlens.explanation.explain import ExplainedCase, Explanations
from cifarlens.report.sections.explanations import _similarity, explanation_section


def test_the_similarity_of_flat_maps() -> None:
    slope, flat = np.arange(4.0).reshape(1, 2, 2), np.zeros((1, 2, 2))
    pairs = [(slope, slope), (slope, -slope), (slope, flat), (flat, slope), (flat, flat)]
    values = [float(_similarity(*pair)[0]) for pair in pairs]
    assert values == pytest.approx([1, -1, 0, 0, 1])


def test_one_card_of_each_class_and_few_mistakes_are_not_folded(explanations: Explanations) -> None:
    item = explanations.correct[0]

    def card(index: int, true: int) -> ExplainedCase:
        return replace(item, case=replace(item.case, index=index, true=true, predicted=true))

    many = [card(index, index // 2) for index in range(30)]  # two of each of 15 classes
    values = explanation_section(replace(explanations, mistakes=many, correct=many))
    mistakes, correct = (
        [[card["case"].index for card in cards] for cards in values[kind]]
        for kind in ("mistakes", "correct")
    )
    assert mistakes == [list(range(12)), list(range(12, 30))]
    assert correct[0] == list(range(0, 24, 2))
    assert sorted(correct[0] + correct[1]) == list(range(30))


def test_cards_of_methods_include_occlusion_and_name_the_least_similar_first(
    explanations: Explanations,
) -> None:
    methods = explanation_section(explanations)["methods"]
    assert list(methods["cards"][0]["heat"])[-2:] == ["LayerCAM", "Occlusion"]
    similarity = [card["similarity"] for card in methods["cards"]]
    assert similarity == sorted(similarity)
    assert -1 <= methods["occlusion"] < 1
    same = [
        replace(item, predicted_maps=dict.fromkeys(item.predicted_maps, np.eye(32)))
        for item in explanations.sample
    ]
    methods = explanation_section(replace(explanations, sample=same))["methods"]
    assert methods["gradients"] == methods["occlusion"] == pytest.approx(1)
