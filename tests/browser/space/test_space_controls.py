"""Every control of the tab Classify, and the numbers, maps and opacity of all tabs."""

import pytest
from playwright.sync_api import Page, expect
from space_making import OPACITY as AT_FIRST
from space_visiting import (
    MAPS,
    OPACITY,
    TOP,
    answer,
    box,
    heats,
    number,
    open_tab,
    rows,
    shown,
    slider,
)


def test_first_sight_is_a_result(app, contents):
    expect(answer(app)).to_be_visible()
    expect(rows(app)).to_have_count(contents.top_classes)
    expect(app.get_by_role("heading", level=1)).to_contain_text("Handwritten digits")


def test_top_classes_never_exceed_ten_and_the_page_says_so(app):
    field, note = number(app, TOP), shown(app, ".note")
    field.fill("11")
    expect(note).to_have_text(
        "11 is out of range: 10 is used (a whole number from 1 to 10 is allowed)."
    )
    expect(rows(app)).to_have_count(10)
    field.press("Tab")
    expect(field).to_have_value("10")
    expect(rows(app)).to_have_count(10)
    expect(note).to_contain_text("11 is out of range")
    field.fill("5")
    expect(rows(app)).to_have_count(5)
    expect(note).to_have_count(0)


def test_other_numbers_are_corrected_in_words(app):
    field = number(app, TOP)
    for typed, words, used in (("0", "1 is used", 1), ("3.6", "4 is used", 4), ("", "Type a", 1)):
        field.fill(typed)
        expect(shown(app, ".note")).to_contain_text(words)
        field.press("Tab")
        expect(field).to_have_value(str(used))
        expect(rows(app)).to_have_count(used)


def test_a_slider_moved_takes_the_words_away(app):
    number(app, TOP).fill("12")
    expect(shown(app, ".note")).to_have_count(1)
    slider(app, TOP).fill("2")
    expect(shown(app, ".note")).to_have_count(0)
    expect(rows(app)).to_have_count(2)


def test_every_number_says_its_limits(app):
    for tab, label, high in (
        ("Classify", MAPS, 10),
        ("Classify", OPACITY, 100),
        ("Several", TOP, 10),
        ("Several", MAPS, 10),
        ("Several", OPACITY, 100),
    ):
        open_tab(app, tab)
        field = number(app, label)
        field.fill(str(high + 1))
        expect(shown(app, ".note").last).to_contain_text(f"{high} is used (")
        field.press("Tab")
        expect(field).to_have_value(str(high))
        field.fill("7")
        expect(shown(app, ".note")).to_have_count(0)


def test_heat_maps_off_and_on(app):
    switch = box(app, "Show Grad-CAM images")
    switch.uncheck()
    expect(app.locator("#maps figure")).to_have_count(0)
    expect(app.locator("#maps")).to_contain_text("Turn on “Show Grad-CAM images”")
    expect(number(app, MAPS)).to_have_count(0)
    switch.check()
    expect(app.locator("#maps figure")).to_have_count(4)
    expect(number(app, MAPS)).to_be_visible()


def test_how_many_heat_maps(app):
    number(app, MAPS).fill("7")
    expect(heats(app)).to_have_count(7)
    number(app, MAPS).fill("10")
    expect(heats(app)).to_have_count(10)


def test_layers_one_by_one_and_side_by_side(app, contents):
    seen = {heats(app).first.get_attribute("src")}
    for layer in ("prep · 32×32", "layer1 · 16×16", "layer2 · 8×8"):
        before = heats(app).first.get_attribute("src")
        box(app, layer).check()
        expect(heats(app).first).not_to_have_attribute("src", before)
        expect(app.get_by_role("heading", name=f"Grad-CAM from {layer.split()[0]}")).to_be_visible()
        seen.add(heats(app).first.get_attribute("src"))
    assert len(seen) == 4
    box(app, "all layers").check()
    expect(heats(app)).to_have_count(3 * len(contents.layers))


def test_methods(app):
    app.get_by_role("button", name="Other methods").click()
    seen = {heats(app).first.get_attribute("src")}
    for method in ("LayerCAM", "HiResCAM", "Grad-CAM++"):
        before = heats(app).first.get_attribute("src")
        box(app, method).check()
        expect(heats(app).first).not_to_have_attribute("src", before)
        seen.add(heats(app).first.get_attribute("src"))
    assert len(seen) == 4


def stay(_app: Page, _examples: list) -> None:
    """In the tab Classify."""


def show_several(app: Page, examples: list) -> None:
    open_tab(app, "Several")
    app.locator("#pictures input[type=file]").set_input_files(examples[:2])


def show_mistakes(app: Page, _examples: list) -> None:
    open_tab(app, "Mistakes")
    box(app, "Show misclassified images").check()
    box(app, "Explain with Grad-CAM").check()


@pytest.mark.parametrize(
    "show", [stay, show_several, show_mistakes], ids=["classify", "several", "mistakes"]
)
def test_opacity_makes_no_request_and_stays_in_its_tab(app, contents, show):
    show(app, contents.examples)
    heat = shown(app, ".heat").first
    expect(heat).to_have_css("opacity", str(AT_FIRST))
    requests: list[str] = []
    app.on("request", lambda request: requests.append(request.url))
    for percent, opacity in (("25", "0.25"), ("0", "0"), ("100", "1")):
        slider(app, OPACITY).fill(percent)
        expect(heat).to_have_css("opacity", opacity)
    number(app, OPACITY).fill("33")
    expect(heat).to_have_css("opacity", "0.33")
    app.wait_for_timeout(300)  # a request would have left by now
    assert not requests
    open_tab(app, "Classify")
    own = "0.33" if show is stay else str(AT_FIRST)
    expect(heats(app).first).to_have_css("opacity", own)


def test_opacity_holds_for_the_next_picture(app):
    slider(app, OPACITY).fill("25")
    before = heats(app).first.get_attribute("src")
    app.get_by_role("button", name="Example: 7").click()
    expect(heats(app).first).not_to_have_attribute("src", before)
    expect(heats(app).first).to_have_css("opacity", "0.25")


def test_about(app, contents):
    open_tab(app, "About")
    text = app.locator("#about-text")
    for words in (
        f"{contents.card.test['accuracy']:.2%}",
        "What it does",
        "Network and data",
        "Limits",
        "From a program",
        "Licence",
        *(f"{name}" for row in contents.card.recipe for name in row),
    ):
        expect(text).to_contain_text(words)
    expect(text.locator("table tbody tr")).to_have_count(10 + len(contents.card.recipe))
