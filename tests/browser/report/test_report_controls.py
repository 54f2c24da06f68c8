"""Tests the controls of the report: layer, opacity, filters, numbers and folded tables."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Position, expect
from report_making import make_run, narrow_bundle

from cifarlens.evaluation.cases import all_cases
from cifarlens.evaluation.metrics import evaluate
from cifarlens.explanation.explain import Explanations, explain
from cifarlens.report.report import write_report
from cifarlens.report.run import Run
from cifarlens.report.sections.errors import VISIBLE_AT_FIRST
from cifarlens.report.sections.trust import read_map


def heat(page: Page) -> Locator:
    return page.locator("#explanations .heat").first


def layer(page: Page, name: str) -> Locator:
    return page.locator("#controls").get_by_label(name)


def other_method(page: Page) -> Locator:
    return page.locator(".methods .heat").nth(2)


def style(element: Locator, name: str) -> str:
    value: str = element.evaluate("(e, name) => getComputedStyle(e)[name]", name)
    return value


def test_opacity_changes_the_maps_at_once(opened: Page) -> None:
    assert style(heat(opened), "opacity") == "0.6"
    slider = opened.get_by_label("Opacity")
    slider.focus()
    before = opened.locator("#explanations .card").first.screenshot()
    slider.press("ArrowRight")
    assert style(heat(opened), "opacity") == "0.65"
    expect(opened.locator("#percent")).to_have_text("65%")
    slider.press("Home")
    assert style(heat(opened), "opacity") == style(other_method(opened), "opacity") == "0"
    tested = opened.locator("#trust .heat").first  # images of tests do not follow the slider
    assert style(tested, "opacity") == "0.6"
    assert opened.locator("#explanations .card").first.screenshot() != before


def test_layer_changes_the_maps_at_once(opened: Page) -> None:
    card = opened.locator("#explanations .card").first
    expect(layer(opened, "layer3")).to_be_checked()
    assert style(heat(opened), "objectPosition") == "0px 100%"
    screenshots = [card.screenshot()]
    for name, place in (("prep", "0%"), ("layer1", "33.3"), ("layer2", "66.6")):
        layer(opened, name).check()
        for image in (heat(opened), other_method(opened)):
            assert style(image, "objectPosition").startswith(f"0px {place}")
        screenshots.append(card.screenshot())
    assert len(set(screenshots)) == 4


def test_the_verdict_follows_the_layer(opened: Page, explanations: Explanations) -> None:
    for name in ("prep", "layer3"):
        verdict = read_map(explanations, name)
        choice = opened.locator("#controls label", has_text=name)
        expect(choice).to_contain_text("✓" if verdict["passes"] else "✗")
        layer(opened, name).check()
        expect(opened.locator("#verdict")).to_have_text(verdict["text"])


def test_an_empty_map_says_so_at_its_layer(
    page: Page, run: Run, explanations: Explanations, tmp_path: Path
) -> None:
    item = explanations.mistakes[0]
    empty = np.zeros((32, 32), np.float32)
    maps = {**item.predicted_maps, "layer1": empty, "layer3": empty}
    changed = replace(explanations, mistakes=[replace(item, predicted_maps=maps)])
    write_report(tmp_path / "index.html", run, changed, opacity=0.6)
    page.goto((tmp_path / "index.html").as_uri())
    words = page.locator("#explanations .stack:has(.heat)").first.locator(".none")
    expect(words).to_have_text(["no map", "no map"])
    shown = {"prep": ["0", "0"], "layer1": ["1", "0"], "layer2": ["0", "0"], "layer3": ["0", "1"]}
    for name, opacities in shown.items():
        layer(page, name).check()
        assert [style(word, "opacity") for word in words.all()] == opacities
    picture = page.locator("#explanations .heat").first
    expect(picture).to_have_attribute("alt", re.compile("no map at layer1, layer3$"))


def test_filter_by_true_and_predicted_class(opened: Page, run: Run) -> None:
    wrong = [case for case in run.cases if not case.correct]
    visible = opened.locator("#mistakes > li:visible")
    expect(visible).to_have_count(VISIBLE_AT_FIRST)
    opened.get_by_label("True class", exact=True).select_option("3")
    expect(visible).to_have_count(sum(case.true == 3 for case in wrong))
    for text in visible.all_inner_texts():
        assert "true: 3" in text
    pair = next(case for case in wrong if case.true == 3)
    opened.get_by_label("Predicted class", exact=True).select_option(str(pair.predicted))
    both = [case for case in wrong if (case.true, case.predicted) == (3, pair.predicted)]
    expect(visible).to_have_count(len(both))
    count = f"{len(both)} of {len(both)} misclassified image"
    expect(opened.locator("#mistake-count")).to_contain_text(count)
    others = {case.predicted for case in wrong} - {
        case.predicted for case in wrong if case.true == 3
    }
    opened.get_by_label("Predicted class", exact=True).select_option(str(min(others)))
    expect(opened.get_by_text("This page has no image for these filters.")).to_be_visible()
    expect(opened.locator("#more")).to_be_hidden()


def expect_pair(page: Page, button: Locator) -> None:
    """Expects the images of the button's pair of classes, in the window."""
    images, true, predicted = re.findall(r"\d+", button.get_attribute("aria-label") or "")
    cards = page.locator("#mistakes > li:visible")
    expect(cards).to_have_count(int(images))
    for text in cards.all_inner_texts():
        assert re.fullmatch(rf"{predicted} \d+%\s+true: {true}", text)
    expect(page.get_by_label("True class", exact=True)).to_have_value(true)
    expect(page.get_by_label("Predicted class", exact=True)).to_have_value(predicted)
    expect(page.locator("#mistake-count")).to_contain_text(f"{images} of {images} misclassified")
    expect(cards.first).to_be_in_viewport()


def test_a_number_in_the_confusion_matrix_shows_its_images(opened: Page, run: Run) -> None:
    buttons = opened.locator("#confusion button")
    expect(buttons).to_have_count(int(np.count_nonzero(run.result.confusion)) - 10)
    for button in (buttons.nth(4), buttons.last, opened.locator(".pairs button").nth(1)):
        button.click()
        expect_pair(opened, button)
    total = run.result.images - run.result.correct
    count = opened.locator("#mistake-count")
    opened.get_by_role("button", name="Clear filters").click()
    expect(count).to_have_text(f"{VISIBLE_AT_FIRST} of {total} misclassified images")
    expect(opened.locator("#clear")).to_be_hidden()


def test_the_keyboard_moves_in_the_confusion_matrix(opened: Page) -> None:
    """Tab stops at one of the numbers; arrows move along the row and the column."""
    buttons = opened.locator("#confusion button")
    opened.get_by_label("images", exact=True).focus()
    opened.keyboard.press("Tab")  # the box around the table, which scrolls
    opened.keyboard.press("Tab")
    expect(buttons.first).to_be_focused()
    opened.keyboard.press("ArrowLeft")
    expect(buttons.first).to_be_focused()
    for key, place in (("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowRight", 1)):
        opened.keyboard.press(key)
        expect(buttons.nth(place)).to_be_focused()
    column = buttons.nth(1).get_attribute("data-predicted")
    below = opened.locator(f"#confusion button[data-predicted='{column}']").nth(1)
    opened.keyboard.press("ArrowDown")
    expect(below).to_be_focused()
    opened.keyboard.press("Enter")
    expect_pair(opened, below)
    expect(opened.locator("#mistakes-title")).to_be_focused()
    opened.keyboard.press("Shift+Tab")
    expect(below).to_be_focused()


def test_a_button_shows_more_mistakes(opened: Page, run: Run) -> None:
    total = run.result.images - run.result.correct
    opened.get_by_role("button", name=f"Show {total - VISIBLE_AT_FIRST} more").click()
    expect(opened.locator("#mistakes > li:visible")).to_have_count(total)
    opened.get_by_role("button", name=f"Show the first {VISIBLE_AT_FIRST}").click()
    expect(opened.locator("#mistakes > li:visible")).to_have_count(VISIBLE_AT_FIRST)


def test_confusion_in_images_and_percent(opened: Page) -> None:
    cell = opened.locator("#confusion tbody tr").first.locator("td").first
    images = cell.inner_text()
    opened.get_by_label("percent of each true class").check()
    assert re.fullmatch(r"\d+\.\d", cell.inner_text())
    opened.get_by_label("images", exact=True).check()
    assert cell.inner_text() == images


def test_without_errors_the_page_works_too(page: Page, run: Run, tmp_path: Path) -> None:
    labels = run.dataset.test_labels
    logits = 5 * np.eye(10, dtype=np.float32)[labels]
    perfect = replace(
        run,
        cases=all_cases(logits, labels),
        result=evaluate(logits, labels, run.dataset.classes),
    )
    bundle = narrow_bundle(run.dataset.classes)
    explanations = explain(bundle, run.dataset.test_images, perfect.cases, 2, layer="prep")
    write_report(tmp_path / "index.html", perfect, explanations, opacity=0)
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.get_by_text("Of all test images, these have the highest loss")).to_be_visible()
    for text in ("Click a number", "Images that may be mislabelled"):
        expect(page.get_by_text(text)).to_have_count(0)
    layer(page, "layer3").check()
    assert style(heat(page), "objectPosition") == "0px 100%"
    assert style(heat(page), "opacity") == "0"


def test_a_place_in_the_matrix_of_many_classes_names_its_cell_and_shows_its_images(
    page: Page, run: Run, tmp_path: Path
) -> None:
    names = ("<i>ä", "العربية", *(f"class {label}" for label in range(2, 30)))
    labels = np.arange(len(run.dataset.test_labels)) % 30
    logits = np.eye(30, dtype=np.float32)[np.where(labels == 1, 20, labels)]
    dataset = replace(run.dataset, test_labels=labels, classes=names)
    many = make_run(dataset, logits)
    explanations = explain(narrow_bundle(names), dataset.test_images, many.cases, 2)
    write_report(tmp_path / "index.html", many, explanations, opacity=0.6)
    page.goto((tmp_path / "index.html").as_uri())
    box = page.locator("#confusion img").bounding_box()
    assert box
    side = box["width"] / 30
    cell = page.locator("#cell")

    def place(label: float, predicted: float) -> Position:
        return {"x": (predicted + 0.5) * side, "y": (label + 0.5) * side}

    picture = page.locator("#confusion")
    picture.hover(position=place(0, 0))
    expect(cell).to_have_text("<i>ä → <i>ä: 12 of 12, right")
    expect(cell).to_be_disabled()
    picture.hover(position=place(2, 19))  # the nearest cell with images
    expect(cell).to_have_text("العربية → class 20: 12 of 12")
    picture.click(position=place(1, 20))
    expect(page.locator("#mistakes > li:visible")).to_have_count(12)
    expect(page.locator("#mistake-count")).to_have_text("12 of 12 misclassified images")
    expect(page.locator("#mistakes-title")).to_be_focused()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        faults = Axe().run(page).response["violations"]
        assert [(row["id"], row["nodes"][0]["html"][:200]) for row in faults] == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
