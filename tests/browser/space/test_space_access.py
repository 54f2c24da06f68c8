"""Every state of the page for everybody: both widths, light and dark, axe, the keyboard alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from space_visiting import (
    MAPS,
    MISTAKES,
    OPACITY,
    TOP,
    answer,
    box,
    findings,
    heats,
    number,
    open_tab,
    rows,
)

# The element with the focus, by the name a screen reader says.
FOCUSED = """() => { const e = document.activeElement;
  const text = e.ariaLabel || e.labels?.[0]?.innerText || e.innerText;
  return text.trim().split('\\n')[0]; }"""
# Whether it, or the label drawn in its place, is outlined.
OUTLINED = """() => { const e = document.activeElement;
  const drawn = getComputedStyle(e).opacity === '0' ? e.closest('label') : e;
  const style = getComputedStyle(drawn);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; }"""
PLACES = """() => [...document.querySelectorAll(
    '#tabs, #picture, #examples .gallery-item, #prediction, #classify-results input[type=number]')]
  .slice(0, 14).map(e => { const box = e.getBoundingClientRect();
    return [Math.round(box.left + scrollX), Math.round(box.top + scrollY)]; })"""
HEIGHT = "e => Math.round(e.getBoundingClientRect().top + scrollY)"


def states(app: Page, good: list[Path], bad: Path) -> Iterator[str]:
    """Every state of the page, one after the other, by name."""
    yield "an example"
    app.get_by_role("button", name="Other methods").click()
    box(app, "all layers").check()
    expect(heats(app)).to_have_count(12)
    yield "all layers"
    number(app, TOP).fill("11")
    expect(rows(app)).to_have_count(10)
    yield "a number out of range"
    box(app, "Show Grad-CAM images").uncheck()
    expect(heats(app)).to_have_count(0)
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
    yield "mistakes off"
    box(app, "Show misclassified images").check()
    expect(app.locator("#mistakes figure")).to_have_count(10)
    yield "mistakes"
    app.get_by_label("True class").click()
    yield "a list of classes"
    app.keyboard.press("Escape")
    box(app, "Explain with Grad-CAM").check()
    expect(app.locator("#mistakes .heat")).to_have_count(20)
    yield "mistakes explained"
    open_tab(app, "About")
    yield "about"


@pytest.mark.parametrize("width", [1280, 390])
def test_every_state_is_for_everybody(page, served, contents, bad, faults, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    found = {state: findings(page) for state in states(page, list(contents.examples[:2]), bad)}
    assert len(found) == 13
    assert not {state: problems for state, problems in found.items() if problems}
    # The browser itself complains of a preview that is no picture.
    faults[:] = [fault for fault in faults if "Failed to load resource" not in fault]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_visitors_colour_scheme(page, served, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(value) for value in re.findall(r"\d+", ground)[:3]) < 150) == (scheme == "dark")


@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_used_stays_where_it_is(page, served, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    places = page.evaluate(PLACES)
    number(page, TOP).fill("10")
    expect(rows(page)).to_have_count(10)
    assert page.evaluate(PLACES) == places
    before = heats(page).first.get_attribute("src")
    page.get_by_role("button", name="Example: 7").click()
    expect(heats(page).first).not_to_have_attribute("src", before)
    assert page.evaluate(PLACES) == places
    place = number(page, MAPS).evaluate(HEIGHT)
    number(page, MAPS).fill("10")
    expect(heats(page)).to_have_count(10)
    assert number(page, MAPS).evaluate(HEIGHT) == place


def reach(app: Page, name: str) -> None:
    """Presses Tab until what is called so has the focus, and looks for its outline on the way."""
    for _ in range(60):
        app.keyboard.press("Tab")
        focused = app.evaluate(FOCUSED)
        if app.evaluate("document.activeElement !== document.body"):
            assert app.evaluate(OUTLINED), f"{focused} has the focus, but does not show it"
        if focused == name:
            return
    raise AssertionError(f"Tab does not reach {name}")


def press(app: Page, name: str, key: str) -> None:
    reach(app, name)
    app.keyboard.press(key)


@pytest.fixture
def chooser(app: Page) -> Page:
    """The page, told from the start to hand its file dialogs over: a key is quicker than that."""
    app.on("filechooser", lambda _dialog: None)
    return app


def choose(app: Page, files: list[Path]) -> None:
    with app.expect_file_chooser() as dialog:
        app.keyboard.press("Enter")
    dialog.value.set_files(files)


def test_classify_by_keyboard_alone(chooser, drawing):
    app = chooser
    before = heats(app).first.get_attribute("src")
    press(app, "Example: 4", "Enter")
    expect(heats(app).first).not_to_have_attribute("src", before)
    press(app, f"range slider for {TOP}", "ArrowRight")
    expect(rows(app)).to_have_count(4)
    app.keyboard.press("Home")
    expect(rows(app)).to_have_count(1)
    press(app, "Show Grad-CAM images", "Space")
    expect(heats(app)).to_have_count(0)
    app.keyboard.press("Space")
    expect(heats(app)).to_have_count(3)
    press(app, f"number input for {MAPS}", "ArrowUp")
    expect(heats(app)).to_have_count(4)
    press(app, f"range slider for {OPACITY}", "End")
    expect(heats(app).first).to_have_css("opacity", "1")
    before = heats(app).first.get_attribute("src")
    press(app, "layer1 · 16×16", "Space")
    expect(heats(app).first).not_to_have_attribute("src", before)
    before = heats(app).first.get_attribute("src")
    press(app, "Other methods", "Enter")
    expect(box(app, "HiResCAM")).to_be_visible()
    press(app, "HiResCAM", "Space")
    expect(heats(app).first).not_to_have_attribute("src", before)
    press(app, "Remove Image", "Enter")
    expect(answer(app)).to_have_count(0)
    reach(app, "Drop an image file here to upload")
    choose(app, [drawing])
    expect(answer(app)).to_be_visible()


def test_several_by_keyboard_alone(chooser, drawing):
    app = chooser
    press(app, "Several", "Enter")
    reach(app, "Click to upload or drop files")
    choose(app, [drawing, drawing])
    cards = app.locator("#cards .card")
    expect(cards).to_have_count(2)
    press(app, "Remove this file", "Enter")
    expect(cards).to_have_count(1)
    press(app, "Show Grad-CAM images", "Space")
    expect(app.locator("#cards .heat")).to_have_count(0)


def test_mistakes_by_keyboard_alone(app, contents):
    press(app, "Mistakes", "Enter")
    press(app, "Show misclassified images", "Space")
    figures = app.locator("#mistakes figure")
    expect(figures).to_have_count(10)
    press(app, f"range slider for {MISTAKES}", "End")
    expect(figures).to_have_count(len(contents.mistakes))
    reach(app, "True class")
    app.keyboard.press("ArrowDown")
    app.keyboard.press("Enter")
    first = sum(row.label == 0 for row in contents.mistakes)
    expect(figures).to_have_count(first)
    press(app, "Explain with Grad-CAM", "Space")
    expect(app.locator("#mistakes .heat")).to_have_count(2 * first)
    press(app, "About", "Enter")
    expect(app.locator("#about-text")).to_be_visible()
