"""Accessibility of the page: both widths, light and dark, axe, and the keyboard alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from space_visiting import (
    OPACITY,
    answer,
    bars,
    choice,
    find_problems,
    heat_maps,
    layer_choice,
    method_choice,
    number,
    open_tab,
)

from cifarlens.space.app.choices import MAP_COUNT, MISTAKE_COUNT, SHOW_MISTAKES, TOP_CLASSES
from cifarlens.space.app.page.maps import SHARED_SCALE
from cifarlens.space.app.page.tabs.classify import MAPS_HIDDEN

# The name of the focused element for a screen reader.
FOCUSED = """() => { const e = document.activeElement;
  const text = e.ariaLabel || e.labels?.[0]?.innerText || e.innerText;
  return text.trim().split('\\n')[0]; }"""
# Whether the focused element, or the label that represents it, is outlined.
OUTLINED = """() => { const e = document.activeElement;
  const drawn = getComputedStyle(e).opacity === '0' ? e.closest('label') : e;
  const style = getComputedStyle(drawn);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; }"""
POSITIONS = """() => [...document.querySelectorAll(
    '#tabs, #picture, #examples button, #prediction, #classify-body input[type=number]')]
  .slice(0, 14).map(e => { const box = e.getBoundingClientRect();
    return [Math.round(box.left + scrollX), Math.round(box.top + scrollY)]; })"""
TOP = "e => Math.round(e.getBoundingClientRect().top + scrollY)"


def visit_states(app: Page, good: list[Path], bad: Path) -> Iterator[str]:
    """Brings the page into each of its states in turn and yields the state's name."""
    yield "an example"
    app.get_by_role("button", name="Methods, classes, scale").click()
    for layer in ("prep", "layer1", "layer2"):
        layer_choice(app, layer).check()
    choice(app, "Show raw maps").check()
    expect(app.locator("#maps .raw")).to_have_count(12)
    yield "all layers"
    method_choice(app, "Occlusion").check()
    expect(heat_maps(app)).to_have_count(3)
    yield "occlusion"
    number(app, TOP_CLASSES).fill("11")
    expect(bars(app)).to_have_count(10)
    yield "a number out of range"
    choice(app, "Show Grad-CAM images").uncheck()
    expect(heat_maps(app)).to_have_count(0)
    yield "no heat maps"
    app.get_by_label("Remove Image").click()
    expect(answer(app)).to_have_count(0)
    yield "no picture"
    app.locator("#picture input[type=file]").set_input_files(bad)
    expect(app.locator("#prediction [role=alert]")).to_be_visible()
    yield "a bad picture"
    open_tab(app, "Several")
    yield "no pictures"
    app.locator("#pictures input[type=file]").set_input_files([*good, bad])
    expect(app.locator("#cards .card")).to_have_count(len(good) + 1)
    yield "several pictures"
    open_tab(app, "Mistakes")
    expect(app.locator("#mistakes figure")).to_have_count(10)
    yield "mistakes"
    app.get_by_label("True class").click()
    yield "a list of classes"
    app.keyboard.press("Escape")
    choice(app, "Explain with Grad-CAM").check()
    expect(app.locator("#mistakes .heat")).to_have_count(20)
    yield "mistakes with heat maps"
    choice(app, SHOW_MISTAKES).uncheck()
    expect(app.locator("#mistakes figure")).to_have_count(0)
    yield "no mistakes"
    open_tab(app, "About")
    yield "about"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_every_state_is_accessible(page, served, contents, bad, faults, width, scheme):
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    is_dark = sum(int(value) for value in re.findall(r"\d+", background)[:3]) < 150
    assert is_dark == (scheme == "dark")
    states = visit_states(page, list(contents.examples[:2]), bad)
    problems = {state: find_problems(page) for state in states}
    assert len(problems) == 14
    assert not {state: rows for state, rows in problems.items() if rows}
    # The browser reports a preview that is not a picture.
    faults[:] = [fault for fault in faults if "Failed to load resource" not in fault]


@pytest.mark.parametrize("width", [1280, 390])
def test_controls_do_not_move_when_results_change(page, served, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    still = slice(None if width == 1280 else 13)  # a phone has the numbers below the results
    positions = page.evaluate(POSITIONS)[still]
    before = heat_maps(page).first.get_attribute("src")
    page.get_by_role("button", name="Example: 7").click()
    expect(heat_maps(page).first).not_to_have_attribute("src", before)
    assert page.evaluate(POSITIONS)[still] == positions
    number(page, TOP_CLASSES).fill("10")
    expect(bars(page)).to_have_count(10)
    number(page, MAP_COUNT).fill("10")
    expect(heat_maps(page)).to_have_count(10)
    assert page.evaluate(POSITIONS)[still] == positions


@pytest.mark.parametrize(
    ("width", "height", "parts"),
    [
        (1280, 800, ["#prediction", "#maps .grid", "#classify-body .cells"]),
        (1440, 900, ["#prediction", "#maps .grid", "#classify-body .cells"]),
        (390, 844, ["#examples", "#prediction"]),
        (320, 640, ["#examples", "#prediction .bars"]),
    ],
)
def test_the_answer_is_seen_after_a_choice(page, served, width, height, parts):
    """On a screen, the maps are beside the controls; a phone shows the answer."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    before = heat_maps(page).first.get_attribute("src")
    page.get_by_role("button", name="Example: 7").click()
    expect(heat_maps(page).first).not_to_have_attribute("src", before)
    for part in parts:
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= height, part
    maps = page.locator("#maps").bounding_box()
    assert maps["x"] >= 0
    assert maps["x"] + maps["width"] <= width
    tops = {round(button.bounding_box()["y"]) for button in page.locator("#examples button").all()}
    assert len(tops) == (2 if width > 640 else 1)


def test_bars_have_room_on_a_narrow_phone(app, contents):
    app.set_viewport_size({"width": 320, "height": 640})
    open_tab(app, "Several")
    app.locator("#pictures input[type=file]").set_input_files(contents.examples[:1])
    expect(app.locator("#cards .bar")).to_have_count(contents.top_classes)
    boxes = [bar.bounding_box() for bar in app.locator("#cards .bar").all()]
    assert all(box["width"] > 50 for box in boxes)
    assert len({box["x"] for box in boxes}) == 1


def reach(app: Page, name: str) -> None:
    """Presses Tab until the element has the focus; every focused element must be outlined."""
    for _ in range(60):
        app.keyboard.press("Tab")
        focused = app.evaluate(FOCUSED)
        if app.evaluate("document.activeElement !== document.body"):
            assert app.evaluate(OUTLINED), f"the focus on {focused} is not visible"
        if focused == name:
            return
    raise AssertionError(f"Tab does not reach {name}")


def press(app: Page, name: str, key: str) -> None:
    reach(app, name)
    app.keyboard.press(key)


def press_for_new_maps(app: Page, name: str, key: str) -> None:
    before = heat_maps(app).first.get_attribute("src")
    press(app, name, key)
    expect(heat_maps(app).first).not_to_have_attribute("src", before)


def choose_files(app: Page, files: list[Path]) -> None:
    with app.expect_file_chooser() as dialog:
        app.keyboard.press("Enter")
    dialog.value.set_files(files)


@pytest.fixture
def keyboard_app(app: Page) -> Page:
    """The page with file dialogs intercepted from the start, since a key opens them at once."""
    app.on("filechooser", lambda _dialog: None)
    return app


def test_one_picture_by_keyboard_alone(keyboard_app, drawing):
    app = keyboard_app
    press_for_new_maps(app, "Example: 4", "Enter")
    press(app, f"range slider for {TOP_CLASSES}", "ArrowRight")
    expect(bars(app)).to_have_count(4)
    app.keyboard.press("Home")
    expect(bars(app)).to_have_count(1)
    press(app, "Show Grad-CAM images", "Space")
    expect(app.locator("#maps")).to_have_text(MAPS_HIDDEN)
    expect(number(app, MAP_COUNT)).to_have_count(0)
    app.keyboard.press("Space")
    expect(heat_maps(app)).to_have_count(3)
    press(app, f"number input for {MAP_COUNT}", "ArrowUp")
    expect(heat_maps(app)).to_have_count(4)
    press(app, f"range slider for {OPACITY}", "End")
    expect(heat_maps(app).first).to_have_css("opacity", "1")
    press(app, "layer1 · 16×16", "Space")
    expect(app.get_by_role("heading", name="Grad-CAM from layer1 and layer3")).to_be_visible()
    press(app, "Methods, classes, scale", "Enter")
    expect(method_choice(app, "HiResCAM")).to_be_visible()
    press(app, "Occlusion", "Space")
    expect(app.get_by_role("heading", name="Occlusion")).to_be_visible()
    app.keyboard.press("ArrowUp")  # as in any group of radio buttons
    expect(app.get_by_role("heading", name="LayerCAM")).to_be_visible()
    app.keyboard.press("Control+ArrowUp")  # a shortcut of the browser
    expect(method_choice(app, "LayerCAM")).to_be_checked()
    app.keyboard.press("ArrowDown")
    app.keyboard.press("ArrowDown")  # from the last to the first
    expect(app.get_by_role("heading", name="Grad-CAM from")).to_be_visible()
    press(app, "One scale for all classes", "Space")
    expect(app.locator("#maps")).to_contain_text(SHARED_SCALE)
    press(app, "Remove Image", "Enter")
    expect(answer(app)).to_have_count(0)
    reach(app, "Drop an image file here to upload")
    choose_files(app, [drawing])
    expect(answer(app)).to_be_visible()


def test_the_other_tabs_by_keyboard_alone(keyboard_app, drawing, contents):
    app = keyboard_app
    press(app, "Several", "Enter")
    reach(app, "Click to upload or drop files")
    choose_files(app, [contents.examples[5], drawing])
    cards = app.locator("#cards .card")
    expect(cards).to_have_count(2)
    press(app, "Remove this file", "Enter")
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text(drawing.name)
    press(app, f"range slider for {TOP_CLASSES}", "Home")
    expect(cards.locator(".bars li")).to_have_count(1)
    press(app, f"range slider for {MAP_COUNT}", "End")
    expect(cards.locator(".heat")).to_have_count(10)
    press(app, "Show Grad-CAM images", "Space")
    expect(cards.locator(".heat")).to_have_count(0)
    expect(number(app, MAP_COUNT)).to_have_count(0)
    press(app, "Mistakes", "Enter")
    figures = app.locator("#mistakes figure")
    expect(figures).to_have_count(10)
    press(app, f"range slider for {MISTAKE_COUNT}", "End")
    expect(figures).to_have_count(len(contents.mistakes))
    reach(app, "True class")
    app.keyboard.press("ArrowDown")
    app.keyboard.press("Enter")
    count = sum(row.label == 0 for row in contents.mistakes)
    expect(figures).to_have_count(count)
    press(app, "Explain with Grad-CAM", "Space")
    expect(app.locator("#mistakes .heat")).to_have_count(2 * count)
    press(app, "About", "Enter")
    expect(app.locator("#about-text")).to_contain_text(f"{contents.card.test['accuracy']:.2%}")
