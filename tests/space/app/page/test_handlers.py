"""The HTML of the tabs, from a real network. tests/browser/space tests the page in a browser."""

import re

import numpy as np
import pytest

from cifarlens.classifier.saliency import saliency_maps
from cifarlens.display.heatmap import overlay
from cifarlens.space.app.page.handlers import ALL_CLASSES, ALL_LAYERS, MAX_FILES, Page
from cifarlens.space.app.page.html import OVERLAY_SIZE, data_uri


@pytest.fixture(scope="module")
def page(contents):
    return Page(contents)


def classify(page, file, **changes):
    settings = {
        **{"top_count": 3, "show_maps": True, "map_count": 2},
        **{"layer": "layer3", "method": "Grad-CAM"},
    }
    return page.classify(file, **settings | changes)


def mistakes(page, **changes):
    settings = {"show": True, "count": 5, "true_class": ALL_CLASSES, "explain": False}
    return page.mistakes(**settings | changes, layer="layer3")


def names(html):
    return re.findall(r'<span class="name">(.*?)</span>', html)


def heat_maps(html):
    return re.findall(r'class="heat" src="(.*?)"', html)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_the_top_classes_and_their_maps_in_order(page, contents, count):
    example = contents.examples[4]
    image = contents.open(example)
    labels = np.argsort(-contents.probabilities(image), kind="stable")[:count]
    answer, maps = classify(page, example, top_count=count, map_count=count)
    assert names(answer) == [contents.classes[label] for label in labels]
    saliency = contents.maps(image, labels, "layer3", "Grad-CAM")
    assert heat_maps(maps) == [data_uri(overlay(heat, OVERLAY_SIZE)) for heat in saliency]
    figures = maps.split("</figure>")[:-1]
    assert len(figures) == count + 1
    assert "<b>input</b>" in figures[0]


def test_all_layers_side_by_side(page, contents):
    _, maps = classify(page, contents.examples[0], layer=ALL_LAYERS)
    assert "Grad-CAM from every layer" in maps
    columns = [
        heat_maps(classify(page, contents.examples[0], layer=layer)[1]) for layer in contents.layers
    ]
    assert heat_maps(maps) == [column[row] for row in (0, 1) for column in columns]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top_count": 11}, "Number of top classes is 11"),
        ({"map_count": None}, "Number of Grad-CAM images is empty"),
        ({"layer": "<b>"}, "Layer is &#x27;&lt;b&gt;&#x27;"),
        ({"method": 3}, "Method is 3"),
        ({"show_maps": "yes"}, "Show Grad-CAM images is &#x27;yes&#x27;"),
        ({"count": 13}, "Number of misclassified images is 13"),
        ({"true_class": "cat"}, "True class is &#x27;cat&#x27;"),
        ({"explain": 1}, "Explain with Grad-CAM is 1"),
    ],
)
def test_a_message_appears_in_place_of_the_result(page, contents, changes, message):
    if set(changes) & {"count", "true_class", "explain"}:
        answer, maps = mistakes(page, **changes), ""
    else:
        answer, maps = classify(page, contents.examples[0], **changes)
    assert 'role="alert"' in answer
    assert message in answer
    assert maps == ""


def test_an_unsure_network_says_so(page, contents):
    answer, _ = classify(page, contents.examples[0])
    highest = contents.probabilities(contents.open(contents.examples[0])).max()
    assert (highest < 0.5) == ("The network is unsure" in answer)


def test_several_pictures_each_get_a_card(page, contents, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a picture")
    files = [(path, path.name) for path in contents.examples[:3]]
    html = page.several([*files, (bad, "<script>.jpg")], 2, True, 3, "layer2")
    cards = html.split('<div class="card">')[1:]
    assert len(cards) == 4
    for card, (path, name) in zip(cards, files, strict=False):
        answer, maps = classify(page, path, top_count=2, map_count=3, layer="layer2")
        assert name in card
        assert names(card) == names(answer)
        assert heat_maps(card) == heat_maps(maps)
    assert "could not be read as a picture" in cards[3]
    assert "<script>" not in html
    assert "&lt;script&gt;.jpg" in html


def test_too_many_pictures_are_refused(page, contents):
    files = [(contents.examples[0], "a.png")] * (MAX_FILES + 1)
    html = page.several(files, 3, True, 3, "prep")
    assert f"Number of pictures is 21; it must be a whole number from 1 to {MAX_FILES}." in html


def test_mistakes_are_explained_for_the_predicted_and_the_true_class(page, contents):
    cards = mistakes(page, explain=True, count=4).split('<div class="card">')[1:]
    rows = contents.mistakes[:4]
    images = np.stack([contents.image(row) for row in rows])
    targets = [(row.predicted, row.label) for row in rows]
    expected = saliency_maps(contents.bundle, images, targets, "layer3")
    for card, row, maps in zip(cards, rows, expected, strict=True):
        left, right = card.split("</figure>")[:2]
        assert f"predicted <b>{contents.classes[row.predicted]}</b>" in left
        assert f"true <b>{contents.classes[row.label]}</b>" in right
        assert heat_maps(card) == [data_uri(overlay(saliency, OVERLAY_SIZE)) for saliency in maps]
