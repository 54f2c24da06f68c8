import re
from dataclasses import replace

import numpy as np
import pytest
from space_reading import heat_maps

from cifarlens.classifier.saliency import saliency_maps
from cifarlens.display.heatmap import overlay
from cifarlens.space.app.choices import ALL_CLASSES, find_source
from cifarlens.space.app.page.html import OVERLAY_SIZE, data_uri
from cifarlens.space.app.page.tabs.mistakes import answer


def mistakes(contents, **changes):
    settings = {
        **{"show": True, "count": 5, "true_class": ALL_CLASSES, "predicted": ALL_CLASSES},
        **{"explain": False, "layer": "layer3"},
    }
    return answer(contents, **settings | changes)


def test_images_of_all_mistakes_or_of_a_cell_of_the_confusion_matrix(contents):
    total = contents.card.test["images"] - contents.card.test["correct"]
    html = mistakes(contents)
    assert f"5 of {total} misclassified test images, the most confident first." in html
    first = contents.mistakes[0]
    true, predicted = contents.classes[first.label], contents.classes[first.predicted]
    cell = contents.card.test["confusion"][first.label][first.predicted]
    html = mistakes(contents, count=12, true_class=true, predicted=predicted)
    found = re.findall(r'data-source="(.*?)"', html)
    expected = [row for row in contents.mistakes if row.label == first.label]
    assert [find_source(contents, source).name for source in found] == [
        row.file.rpartition("/")[2] for row in expected if row.predicted == first.predicted
    ]
    of_class = f"of class {true} predicted as {predicted}"
    assert f"{len(found)} of {cell} misclassified test image" in html
    assert of_class in html


def test_a_cell_without_images_says_whether_there_are_any(contents):
    predicted = contents.mistakes[0].predicted
    one = replace(contents, mistakes=contents.mistakes[:1])
    stored, missing = (contents.classes[contents.mistakes[row].label] for row in (0, -1))
    assert stored != missing
    column = contents.classes[predicted]
    html = mistakes(one, count=1, true_class=missing, predicted=column)
    total = contents.card.test["confusion"][contents.mistakes[-1].label][predicted]
    assert f"This demo holds none of the {total} misclassified test image" in html
    html = mistakes(contents, true_class=stored, predicted=stored)
    assert "There are no misclassified test images of class" in html


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 13}, "Number of misclassified images is 13"),
        ({"true_class": "cat"}, "True class is &#x27;cat&#x27;"),
        ({"predicted": None}, "Predicted class is empty"),
        ({"explain": 1}, "Explain with Grad-CAM is 1"),
    ],
)
def test_a_message_appears_in_place_of_the_images(contents, changes, message):
    html = mistakes(contents, **changes)
    assert 'role="alert"' in html
    assert message in html


def test_mistakes_are_explained_for_the_predicted_and_the_true_class(contents):
    cards = mistakes(contents, explain=True, count=4).split('<div class="card">')[1:]
    rows = contents.mistakes[:4]
    images = np.stack([contents.image(row) for row in rows])
    targets = [(row.predicted, row.label) for row in rows]
    expected = saliency_maps(contents.bundle, images, targets, "layer3")
    for card, row, maps in zip(cards, rows, expected, strict=True):
        left, right = card.split("</figure>")[:2]
        assert f"predicted <b>{contents.classes[row.predicted]}</b>" in left
        assert f"true <b>{contents.classes[row.label]}</b>" in right
        assert heat_maps(card) == [data_uri(overlay(saliency, OVERLAY_SIZE)) for saliency in maps]
