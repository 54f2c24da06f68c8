"""The HTML of the tab, from a real network. tests/browser/space tests the page in a browser."""

import re

import numpy as np
import pytest
from space_reading import heat_maps, names, raw_maps

from cifarlens.classifier.saliency import METHODS
from cifarlens.display.heatmap import heat_colours, overlay
from cifarlens.space.app.choices import GRAD_CAM, OCCLUSION, VERDICTS
from cifarlens.space.app.page.html import OVERLAY_SIZE, data_uri
from cifarlens.space.app.page.maps import (
    LAYER_SCALES,
    NO_LAYER,
    OCCLUSION_NOTE,
    OWN_SCALE,
    SHARED_SCALE,
)
from cifarlens.space.app.page.tabs.classify import answer


def classify(contents, file, **changes):
    settings = {
        **{"top_count": 3, "show_maps": True, "map_count": 2, "targets": [], "layers": ["layer3"]},
        **{"method": GRAD_CAM, "shared_scale": False, "raw": False},
    }
    return answer(contents, file, **settings | changes)


def uris(saliency):
    return [data_uri(overlay(heat, OVERLAY_SIZE)) for heat in saliency]


@pytest.mark.parametrize("count", [1, 3, 10])
def test_the_top_classes_and_their_maps_in_order(contents, count):
    example = contents.examples[4]
    image = contents.open(example)
    labels = np.argsort(-contents.probabilities(image), kind="stable")[:count]
    prediction, maps = classify(contents, example, top_count=count, map_count=count)
    assert names(prediction) == [contents.classes[label] for label in labels]
    assert heat_maps(maps) == uris(contents.maps(image, labels, "layer3", GRAD_CAM))
    figures = maps.split("</figure>")[:-1]
    assert len(figures) == count + 1
    assert "<b>input</b>" in figures[0]


def test_any_class_can_be_explained_at_any_layers(contents):
    example = contents.examples[0]
    image = contents.open(example)
    changes = {"targets": ["7", "2"], "layers": ["layer2", "prep"], "method": "HiResCAM"}
    _, maps = classify(contents, example, map_count=10, **changes)
    assert "HiResCAM from prep and layer2" in maps
    columns = [
        uris(contents.maps(image, [7, 2], layer, "HiResCAM")) for layer in ("prep", "layer2")
    ]
    assert heat_maps(maps) == [column[row] for row in (0, 1) for column in columns]
    assert re.findall(r"<h3>(\d)", maps) == ["7", "2"]


@pytest.mark.parametrize("method", [*METHODS, OCCLUSION])
def test_maps_share_a_scale_or_have_their_own(contents, method):
    example = contents.examples[3]
    image, labels = contents.open(example), [3, 5, 8]
    targets = {"targets": ["3", "5", "8"], "method": method, "raw": True}
    for shared, note in ((True, SHARED_SCALE), (False, OWN_SCALE)):
        _, html = classify(contents, example, shared_scale=shared, **targets)
        maps = contents.maps(image, labels, "layer3", method, shared)
        assert heat_maps(html) == uris(maps)
        assert raw_maps(html) == [data_uri(heat_colours(values)) for values in maps]
        assert note in html
        assert LAYER_SCALES not in html
        highest = maps.max((1, 2))
        assert highest.max() == pytest.approx(1, abs=1e-3)
        if not shared:
            assert ((highest > 0.99) | (highest == 0)).all()


def test_maps_carry_the_verdict_of_the_tests(contents):
    example = contents.examples[0]
    for layer, methods in contents.card.trust.items():
        for method, tests in methods.items():
            _, html = classify(contents, example, layers=[layer], method=method)
            _, sentence = VERDICTS[tests["faithful"], tests["changes"]]
            assert f"{method} from {layer} {sentence}" in html
            assert 'data-tab="about"' in html
    _, html = classify(contents, example, layers=["prep", "layer3"], shared_scale=True)
    assert f"<small>{VERDICTS[False, True][0]}</small>" in html
    assert f"<small>{VERDICTS[True, True][0]}</small>" in html
    assert LAYER_SCALES in html
    _, html = classify(contents, example, layers=[], method=OCCLUSION)
    assert OCCLUSION_NOTE in html


def test_without_a_layer_the_page_asks_for_one(contents):
    prediction, maps = classify(contents, contents.examples[0], layers=[])
    assert names(prediction)
    assert NO_LAYER in maps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top_count": 11}, "Number of top classes is 11"),
        ({"map_count": None}, "Number of Grad-CAM images is empty"),
        ({"layers": ["<b>"]}, "Layers is &#x27;&lt;b&gt;&#x27;"),
        ({"layers": "prep"}, "Layers must be a list"),
        ({"method": 3}, "Method is 3"),
        ({"show_maps": "yes"}, "Show Grad-CAM images is &#x27;yes&#x27;"),
        ({"targets": ["cat"]}, "Classes to explain is &#x27;cat&#x27;"),
        ({"targets": [{"path": "x"}]}, "Classes to explain is a dictionary"),
        ({"targets": ["1", "1"]}, "contains a class twice"),
        ({"targets": 5}, "Classes to explain must be a list"),
        ({"raw": 1}, "Show raw maps is 1"),
        ({"shared_scale": None}, "One scale for all classes is empty"),
    ],
)
def test_a_message_appears_in_place_of_the_result(contents, changes, message):
    prediction, maps = classify(contents, contents.examples[0], **changes)
    assert 'role="alert"' in prediction
    assert message in prediction
    assert maps == ""


def test_an_unsure_network_says_so(contents):
    prediction, _ = classify(contents, contents.examples[0])
    highest = contents.probabilities(contents.open(contents.examples[0])).max()
    assert (highest < 0.5) == ("The network is unsure" in prediction)


def test_an_answer_with_all_maps_is_small(contents):
    """Gradio keeps each visitor's last answer in memory."""
    settings = {"map_count": 10, "layers": list(contents.layers), "raw": True}
    _, maps = classify(contents, contents.examples[0], **settings)
    assert len(heat_maps(maps)) == 40
    assert len(maps) < 400_000
