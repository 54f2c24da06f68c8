"""Numbers, opacity, and the tab of misclassified images."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

import numpy as np
from PIL import Image
from playwright.sync_api import Page, Request, Route, expect
from space_making import OPACITY as INITIAL_OPACITY
from space_visiting import (
    OPACITY,
    answer,
    bars,
    choice,
    heat_maps,
    layer_choice,
    method_choice,
    number,
    open_tab,
    slider,
    visible,
)

from cifarlens.display.formats import probability
from cifarlens.display.heatmap import blend
from cifarlens.space.app.choices import ALL_CLASSES, SHOW_MISTAKES, TOP_CLASSES, most_likely
from cifarlens.space.app.page.tabs.mistakes import HIDDEN


def open_in_new_tab(page: Page, link: str) -> Page:
    """Opens a link, or a query of the same page. The first tab is not left while it waits."""
    tab = page.context.new_page()
    tab.goto(urljoin(page.url, link))
    return tab


@contextmanager
def one_request(page: Page, *inputs: object) -> Iterator[None]:
    """Passes if Mistakes asks for an answer once, and then with `inputs` among its values."""
    asked: list[list[object]] = []

    def note(request: Request) -> None:
        if "/queue/join" in request.url:
            asked.append(request.post_data_json["data"])

    page.context.on("request", note)
    yield
    page.context.remove_listener("request", note)
    of_mistakes = [data for data in asked if len(data) == 6]  # no other tab has six inputs
    assert len(of_mistakes) == 1
    assert set(inputs) <= set(of_mistakes[0])


def copy_link(page: Page) -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def test_numbers_out_of_range_are_corrected_and_explained(app, contents):
    expect(bars(app)).to_have_count(contents.top_classes)
    field, note = number(app, TOP_CLASSES), visible(app, ".note")
    for text, message, used in (
        ("11", "11 is not allowed; 10 is used instead. Enter a whole number from 1 to 10.", 10),
        ("0", "0 is not allowed; 1 is used instead", 1),
        ("3.6", "3.6 is not allowed; 4 is used instead", 4),
    ):
        field.fill(text)
        expect(note).to_contain_text(message)
        field.press("Tab")
        expect(field).to_have_value(str(used))
        expect(bars(app)).to_have_count(used)
        expect(note).to_contain_text(message)
    field.fill("")  # an empty box gets its last value back
    expect(note).to_contain_text("Enter a whole number from 1 to 10.")
    field.press("Tab")
    expect(field).to_have_value("4")
    expect(note).to_have_count(0)
    expect(bars(app)).to_have_count(4)
    field.fill("12")
    expect(note).to_have_count(1)
    slider(app, TOP_CLASSES).fill("2")
    expect(note).to_have_count(0)
    expect(bars(app)).to_have_count(2)


def test_opacity_changes_the_maps_of_its_tab_without_a_request(app, contents):
    requests: list[str] = []
    app.on("request", lambda request: requests.append(request.url))
    percents = {"Classify": 33, "Several": 44, "Mistakes": 55}
    for tab, percent in percents.items():
        open_tab(app, tab)
        if tab == "Several":
            app.locator("#pictures input[type=file]").set_input_files(contents.examples[:2])
        elif tab == "Mistakes":
            choice(app, "Explain with Grad-CAM").check()
        heat_map = visible(app, ".heat").first
        expect(heat_map).to_have_css("opacity", str(INITIAL_OPACITY))
        before = heat_map.get_attribute("src")
        requests.clear()
        slider(app, OPACITY).fill("0")
        expect(heat_map).to_have_css("opacity", "0")
        number(app, OPACITY).fill("101")
        expect(visible(app, ".note")).to_contain_text("101 is not allowed; 100 is used instead")
        expect(heat_map).to_have_css("opacity", "1")
        number(app, OPACITY).fill(str(percent))
        expect(heat_map).to_have_css("opacity", str(percent / 100))
        number(app, OPACITY).fill("")
        number(app, OPACITY).press("Tab")
        expect(heat_map).to_have_css("opacity", str(percent / 100))
        layer_choice(app, "layer2").check()
        expect(heat_map).not_to_have_attribute("src", before)
        expect(heat_map).to_have_css("opacity", str(percent / 100))
        assert sum("/queue/join" in url for url in requests) == 1  # only that of the layer
    for tab, percent in percents.items():
        open_tab(app, tab)
        expect(visible(app, ".heat").first).to_have_css("opacity", str(percent / 100))


def test_the_heat_maps_of_a_mistake_are_side_by_side(app):
    open_tab(app, "Mistakes")
    figures = app.locator("#mistakes figure")
    expect(figures).to_have_count(10)
    choice(app, "Explain with Grad-CAM").check()
    expect(app.locator("#mistakes .heat")).to_have_count(20)
    figures_of_one = app.locator("#mistakes .card").first.locator("figure").all()
    left, right = (figure.bounding_box() for figure in figures_of_one)
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    choice(app, "Explain with Grad-CAM").uncheck()
    expect(app.locator("#mistakes .heat")).to_have_count(0)
    expect(slider(app, OPACITY)).to_have_count(0)
    choice(app, SHOW_MISTAKES).uncheck()
    expect(app.locator("#mistakes")).to_have_text(HIDDEN)


def test_a_cell_of_the_confusion_matrix_filters_and_a_mistake_opens_in_classify(app, contents):
    open_tab(app, "Mistakes")
    first = contents.mistakes[0]
    cell = f"#matrix [data-true='{first.label}'][data-predicted='{first.predicted}']"
    true, predicted = contents.classes[first.label], contents.classes[first.predicted]
    with one_request(app, true, predicted):  # the answers to two could arrive in any order
        app.locator(cell).click()
        expect(app.locator("#mistakes .hint")).to_contain_text(
            f"of class {true} predicted as {predicted}, the most confident first."
        )
    with one_request(app, ALL_CLASSES):
        app.get_by_role("button", name="Show all classes").click()
        expect(app.locator("#mistakes figure")).to_have_count(10)
    app.locator("#mistakes .open").first.click()
    expect(app.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    expect(answer(app)).to_have_text(f"{predicted} {probability(first.predicted_probability, 1)}")


def test_a_click_counts_while_the_one_before_waits(app):
    waiting: list[Route] = []
    app.route("**/run/predict", lambda route: waiting.append(route))
    for example in (3, 6):
        with app.expect_request("**/run/predict"):
            app.get_by_role("button", name=f"Example: {example}").click()
    for route in waiting:
        with app.expect_response("**/run/predict"):
            route.continue_()
    expect(app).to_have_url(re.compile("picture=example-6"))


def test_the_link_restores_the_page(app):
    slider(app, TOP_CLASSES).fill("5")
    layer_choice(app, "layer1").check()
    app.get_by_role("button", name="Methods, classes, scale").click()
    method_choice(app, "HiResCAM").check()
    app.get_by_role("button", name="Example: 6").click()
    expect(app.locator("#maps h2")).to_have_text("HiResCAM from layer1 and layer3")
    link = copy_link(app)
    assert "picture=example-6" in link
    restored = open_in_new_tab(app, link)
    expect(bars(restored)).to_have_count(5)
    expect(heat_maps(restored)).to_have_count(6)
    maps = restored.locator("#maps .maps")
    assert maps.inner_html() == app.locator("#maps .maps").inner_html()


def test_a_link_opens_a_tab_with_its_settings(app):
    with one_request(app, 2):
        app = open_in_new_tab(app, "?tab=mistakes&mistakes-explain=1&mistakes-count=2")
        expect(app.locator("#mistakes .heat")).to_have_count(4)
    expect(app.get_by_role("tab", name="Mistakes")).to_have_attribute("aria-selected", "true")


def test_a_value_that_a_link_may_not_have_is_left_out(app):
    app = open_in_new_tab(app, "?top=12&maps=2")
    expect(app.get_by_text("This link has values that this demo does not know")).to_be_visible()
    expect(app).to_have_url(re.compile(r"\?maps=2$"))
    app.get_by_test_id("toast-close").click()  # it covers the button
    number(app, TOP_CLASSES).fill("11")
    assert "top=10" in copy_link(app)


def test_a_map_is_saved_as_it_is_seen(app, contents, tmp_path):
    slider(app, OPACITY).fill("100")
    with app.expect_download() as download:
        app.locator("#maps .save").first.click(force=True)
    label = most_likely(contents.probabilities(contents.open(contents.examples[0])), 1)[0]
    name = contents.classes[label]
    assert download.value.suggested_filename == f"grad-cam-of-{name}-from-layer3.png"
    download.value.save_as(tmp_path / "map.png")
    pixels = contents.open(contents.examples[0])
    saliency = contents.maps(pixels, [label], "layer3", "Grad-CAM")[0]
    with Image.open(tmp_path / "map.png") as image:
        saved = np.asarray(image.convert("RGB").resize((64, 64))).astype(int)
    assert np.abs(saved - blend(pixels, saliency, 1, 64)).mean() < 12
