from dataclasses import replace

import numpy as np
import pytest

from cifarlens.explanation.explain import Explanations
from cifarlens.explanation.faithfulness import BASELINE, Faithfulness
from cifarlens.report.sections.trust import read_map, trust_section

ONES = np.linspace(0.5, 1, 6)
READ = "at layer1: these maps point at what matters, and change when the network forgets"


@pytest.fixture
def judged(explanations: Explanations) -> Explanations:
    """Returns results where no map matters but layer1's, and only Grad-CAM and HiResCAM change."""
    names = [*explanations.sanity.similarity, "Occlusion", BASELINE]
    most = {name: (0.5 if name.startswith("layer1") else 1) * ONES for name in names}
    changing = ("prep", "layer1", "layer1 HiResCAM")
    similarity = {name: np.full(5, 0.1 if name in changing else 0.9) for name in names[:-2]}
    similarity["layer2"] = np.full(5, np.nan)
    return replace(
        explanations,
        faithfulness=Faithfulness(ONES, most, dict.fromkeys(names, ONES)),
        sanity=replace(explanations.sanity, similarity=similarity),
    )


def test_each_map_is_under_one_verdict_and_those_to_read_come_first(judged: Explanations) -> None:
    groups = trust_section(judged)["verdicts"]
    found = [(group["action"], group["passes"], group["maps"]) for group in groups]
    others = dict.fromkeys(("Grad-CAM++", "HiResCAM", "LayerCAM"), "prep, layer2, layer3")
    assert found == [
        ("Read", True, {"Grad-CAM": "layer1", "HiResCAM": "layer1"}),
        ("Distrust", False, {"Grad-CAM++": "layer1", "LayerCAM": "layer1"}),
        ("Distrust", False, {"Grad-CAM": "prep"}),
        ("Distrust", False, {"Grad-CAM": "layer3", **others}),
        ("Skip", False, {"Grad-CAM": "layer2"}),
    ]
    assert judged.trusted("layer1") == (True, True)
    assert judged.trusted("prep") == (False, True)


def test_the_verdict_on_a_layer_is_a_sentence(judged: Explanations) -> None:
    verdicts = {layer: read_map(judged, layer) for layer in judged.layers}
    assert [verdict["passes"] for verdict in verdicts.values()] == [False, True, False, False]
    assert READ in verdicts["layer1"]["text"]
    assert verdicts["prep"]["text"].endswith("point at what matters no better than chance.")
    assert verdicts["layer2"]["text"] == "Skip Grad-CAM at layer2: these maps are empty."


def test_the_table_has_both_scores_of_every_map_and_occlusions(judged: Explanations) -> None:
    values = trust_section(judged)
    assert [len(cells) for cells in values["scores"].values()] == [4] * 4
    cell = values["scores"]["HiResCAM"][1]
    assert cell == {"road": (0.188, True), "sanity": (0.1, True)}
    assert values["scores"]["Grad-CAM"][2]["sanity"] == (None, False)
    assert values["occlusion"] == (0.0, False)
    assert "Occlusion 75.0% and 75.0%" in values["road"]["chart"]
