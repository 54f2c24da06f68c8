"""Numbers, opacity, and the tab of misclassified images."""

import re

import numpy as np
from PIL import Image
from playwright.sync_api import expect
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
from cifarlens.space.app.choices import SHOW_MISTAKES, TOP_CLASSES, most_likely
from cifarlens.space.app.page.tabs.mistakes import HIDDEN


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
    app.locator(cell).click()
    true, predicted = contents.classes[first.label], contents.classes[first.predicted]
    expect(app.locator("#mistakes .hint")).to_contain_text(
        f"of class {true} predicted as {predicted}, the most confident first."
    )
    app.get_by_role("button", name="Show all classes").click()
    expect(app.locator("#mistakes figure")).to_have_count(10)
    app.locator("#mistakes .open").first.click()
    expect(app.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    expect(answer(app)).to_have_text(f"{predicted} {probability(first.predicted_probability, 1)}")


def test_the_link_restores_the_page(app, faults):
    slider(app, TOP_CLASSES).fill("5")
    layer_choice(app, "layer1").check()
    app.get_by_role("button", name="Methods, classes, scale").click()
    method_choice(app, "HiResCAM").check()
    app.get_by_role("button", name="Example: 6").click()
    app.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(app.locator("#maps h2")).to_have_text("HiResCAM from layer1 and layer3")
    app.get_by_role("button", name="Copy link").click()
    expect(app.get_by_role("button", name="Link copied")).to_be_visible()
    link = app.evaluate("navigator.clipboard.readText()")
    assert "picture=example-6" in link
    before = app.locator("#maps .maps").inner_html()
    app.goto("about:blank")
    app.goto(link)
    expect(bars(app)).to_have_count(5)
    expect(heat_maps(app)).to_have_count(6)
    assert app.locator("#maps .maps").inner_html() == before
    app.goto(link.partition("?")[0] + "?tab=mistakes&mistakes-explain=1&mistakes-count=2")
    expect(app.locator("#mistakes .heat")).to_have_count(4)
    expect(app.get_by_role("tab", name="Mistakes")).to_have_attribute("aria-selected", "true")
    app.goto(link.partition("?")[0] + "?top=12&maps=2")
    expect(app.get_by_text("This link has values that this demo does not know")).to_be_visible()
    expect(app).to_have_url(re.compile(r"\?maps=2$"))  # without the value that is not allowed
    number(app, TOP_CLASSES).fill("11")
    app.get_by_role("button", name="Copy link").click()
    expect(app.get_by_role("button", name="Link copied")).to_be_visible()
    assert "top=10" in app.evaluate("navigator.clipboard.readText()")
    # Gradio reports the stream that ends with the page.
    faults[:] = [fault for fault in faults if "AbortError" not in fault]


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
