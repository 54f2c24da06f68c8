"""Numbers, opacity, and the tab of misclassified images."""

from playwright.sync_api import expect
from space_making import OPACITY as INITIAL_OPACITY
from space_visiting import OPACITY, bars, choice, number, open_tab, slider, visible

from cifarlens.space.app.page.handlers import MISTAKES_HIDDEN, TOP_CLASSES


def test_numbers_out_of_range_are_corrected_and_explained(app, contents):
    expect(bars(app)).to_have_count(contents.top_classes)
    field, note = number(app, TOP_CLASSES), visible(app, ".note")
    for text, message, used in (
        ("11", "11 is not allowed; 10 is used instead. Enter a whole number from 1 to 10.", 10),
        ("0", "0 is not allowed; 1 is used instead", 1),
        ("3.6", "3.6 is not allowed; 4 is used instead", 4),
        ("", "Enter a whole number from 1 to 10.", 1),
    ):
        field.fill(text)
        expect(note).to_contain_text(message)
        field.press("Tab")
        expect(field).to_have_value(str(used))
        expect(bars(app)).to_have_count(used)
        expect(note).to_contain_text(message)
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
            choice(app, "Show misclassified images").check()
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
        choice(app, "layer2 · 8×8").check()
        expect(heat_map).not_to_have_attribute("src", before)
        expect(heat_map).to_have_css("opacity", str(percent / 100))
        assert sum("/queue/join" in url for url in requests) == 1  # only that of the layer
    for tab, percent in percents.items():
        open_tab(app, tab)
        expect(visible(app, ".heat").first).to_have_css("opacity", str(percent / 100))


def test_the_heat_maps_of_a_mistake_are_side_by_side(app):
    open_tab(app, "Mistakes")
    figures = app.locator("#mistakes figure")
    expect(app.locator("#mistakes")).to_have_text(MISTAKES_HIDDEN)
    choice(app, "Show misclassified images").check()
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
    choice(app, "Show misclassified images").uncheck()
    expect(figures).to_have_count(0)
