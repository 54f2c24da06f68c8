"""The tabs' answers, on a real network."""

import re
from pathlib import Path

import numpy as np
import pytest
from space_making import make_space

from cifarlens.classifier.saliency import saliency_maps
from cifarlens.display.heatmap import overlay
from cifarlens.space.app.contents import Contents, load_contents
from cifarlens.space.app.page.handlers import ALL_CLASSES, ALL_LAYERS, MAX_FILES, Page
from cifarlens.space.app.page.html import OVERLAY_SIZE, data_uri


@pytest.fixture(scope="module")
def contents(space: Path) -> Contents:
    return load_contents(space)


@pytest.fixture(scope="module")
def page(contents: Contents) -> Page:
    return Page(contents)


def classify(page: Page, file: Path | None, **changes: object) -> tuple[str, str]:
    given = {"top": 3, "show": True, "count": 2, "layer": "layer3", "how": "Grad-CAM", **changes}
    return page.classify(file, **given)


def names(html: str) -> list[str]:
    return re.findall(r'<span class="name">(.*?)</span>', html)


def heats(html: str) -> list[str]:
    return re.findall(r'class="heat" src="(.*?)"', html)


def test_without_a_picture_there_is_a_hint(page):
    answer, maps = classify(page, None)
    assert "Upload a picture or pick an example" in answer
    assert maps == ""


@pytest.mark.parametrize("top", [1, 3, 10])
def test_the_top_classes_in_order(page, contents, top):
    example = contents.examples[4]
    probabilities = contents.probabilities(contents.open(example))
    order = np.argsort(-probabilities, kind="stable")[:top]
    answer, _ = classify(page, example, top=top)
    assert names(answer) == [contents.classes[label] for label in order]


@pytest.mark.parametrize("count", [1, 2, 10])
def test_a_map_for_each_class_and_the_input_first(page, contents, count):
    _, maps = classify(page, contents.examples[0], count=count)
    assert maps.count("<figure>") == count + 1
    assert len(heats(maps)) == count
    assert "<b>input</b>" in maps.split("</figure>")[0]


def test_layers_and_methods_change_the_maps(page, contents):
    found = {
        (layer, how): heats(classify(page, contents.examples[0], layer=layer, how=how)[1])[0]
        for layer in contents.layers
        for how in ("Grad-CAM", "LayerCAM")
    }
    assert len(set(found.values())) == len(found)


def test_all_layers_side_by_side(page, contents):
    _, maps = classify(page, contents.examples[0], layer=ALL_LAYERS, count=2)
    found = heats(maps)
    assert len(found) == 2 * len(contents.layers)
    assert "Grad-CAM from every layer" in maps
    for turn, layer in enumerate(contents.layers):
        alone = heats(classify(page, contents.examples[0], layer=layer, count=2)[1])
        assert [found[turn], found[turn + len(contents.layers)]] == alone


def test_without_maps_there_are_none(page, contents):
    answer, maps = classify(page, contents.examples[0], show=False)
    assert names(answer)
    assert "<figure>" not in maps


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"top": 11}, "Number of top classes is 11"),
        ({"count": None}, "Number of Grad-CAM images is empty"),
        ({"layer": "<b>"}, "Layer is &#x27;&lt;b&gt;&#x27;"),
        ({"how": 3}, "Method is 3"),
        ({"show": "yes"}, "Show Grad-CAM images is &#x27;yes&#x27;"),
    ],
)
def test_what_is_wrong_stands_where_the_result_would(page, contents, changes, words):
    answer, maps = classify(page, contents.examples[0], **changes)
    assert 'role="alert"' in answer
    assert words in answer
    assert maps == ""


def test_a_bad_picture_clears_the_results(page, tmp_path):
    path = tmp_path / "bad.jpg"
    path.write_text("no picture")
    answer, maps = classify(page, path)
    assert "could not be read as a picture" in answer
    assert maps == ""
    assert not names(answer)


def test_an_unsure_network_says_so(page, contents):
    answer, _ = classify(page, contents.examples[0])
    best = contents.probabilities(contents.open(contents.examples[0])).max()
    assert (best < 0.5) == ("The network is unsure" in answer)


def test_several_pictures_each_get_a_card(page, contents, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    files = [(path, path.name) for path in contents.examples[:3]]
    html = page.several([*files, (bad, "<script>.jpg")], 2, True, 3, "layer2")
    cards = html.split('<div class="card">')[1:]
    assert len(cards) == 4
    for card, (path, name) in zip(cards, files, strict=False):
        assert name in card
        assert names(card) == names(classify(page, path, top=2)[0])
        assert heats(card) == heats(classify(page, path, count=3, layer="layer2")[1])
    assert "could not be read as a picture" in cards[3]
    assert "<script>" not in html
    assert "&lt;script&gt;.jpg" in html


def test_several_pictures_without_maps(page, contents):
    html = page.several([(contents.examples[0], "a.png")], 4, False, 3, "layer3")
    assert len(names(html)) == 4
    assert not heats(html)


def test_no_pictures_yet(page):
    assert "each gets its own result here" in page.several([], 3, True, 3, "layer3")


def test_too_many_pictures_are_refused(page, contents):
    files = [(contents.examples[0], "a.png")] * (MAX_FILES + 1)
    assert f"must be a whole number from 1 to {MAX_FILES}" in page.several(
        files, 3, True, 3, "prep"
    )


def mistakes(page: Page, **changes: object) -> str:
    given = {"show": True, "count": 5, "true_class": ALL_CLASSES, "explain": False, **changes}
    return page.mistakes(**given, layer="layer3")


def test_mistakes_are_off_at_first(page):
    assert "<figure>" not in mistakes(page, show=False)


@pytest.mark.parametrize("count", [1, 5, 12])
def test_mistakes_the_most_confident_first(page, contents, count):
    html = mistakes(page, count=count)
    found = re.findall(r'is <b>(.*?)</b></span> <span class="wrong">said <b>(.*?)</b>', html)
    assert found == [
        (contents.classes[row.label], contents.classes[row.predicted])
        for row in contents.mistakes[:count]
    ]


def test_mistakes_of_one_class(page, contents):
    for label, name in enumerate(contents.classes):
        html = mistakes(page, true_class=name, count=12)
        expected = sum(row.label == label for row in contents.mistakes)
        assert html.count("<figure>") == expected
        assert expected or f"No stored mistake has the true class {name}" in html


def test_the_wrong_answers_map_beside_the_right_ones(page, contents):
    html = mistakes(page, explain=True, count=4)
    cards = html.split('<div class="card">')[1:]
    rows = contents.mistakes[:4]
    images = np.stack([contents.image(row) for row in rows])
    targets = [(row.predicted, row.label) for row in rows]
    expected = saliency_maps(contents.bundle, images, targets, "layer3")
    for card, row, maps in zip(cards, rows, expected, strict=True):
        wrong, right = card.split("</figure>")[:2]
        assert f"said <b>{contents.classes[row.predicted]}</b>" in wrong
        assert f"is <b>{contents.classes[row.label]}</b>" in right
        assert heats(card) == [data_uri(overlay(saliency, OVERLAY_SIZE)) for saliency in maps]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 13}, "Number of misclassified images is 13"),
        ({"true_class": "cat"}, "True class is &#x27;cat&#x27;"),
        ({"explain": 1}, "Explain with Grad-CAM is 1"),
    ],
)
def test_wrong_mistakes_settings_are_named(page, changes, words):
    assert words in mistakes(page, **changes)


def test_a_perfect_network_has_nothing_to_show(tmp_path):
    page = Page(load_contents(make_space(tmp_path, perfect=True)))
    assert "got every test image right" in mistakes(page)
