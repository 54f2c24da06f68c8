"""The packaged Space as a visitor meets it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect
from space_making import Running, make_space, running

from cifarlens.space.contents import Contents, load_contents

MISTAKES = 12  # that the Space of these tests ships

# Controls without a name that a screen reader could say.
NAMELESS = """() => [...document.querySelectorAll('button, input, select, textarea, [role=tab]')]
  .filter(e => e.checkVisibility() && e.type !== 'file')
  .filter(e => !(e.innerText?.trim() || e.ariaLabel || e.title || e.labels?.length
    || e.getAttribute('aria-labelledby')))
  .map(e => e.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_space(tmp_path_factory.mktemp("space"), mistakes=MISTAKES)


@pytest.fixture(scope="module")
def contents(space: Path) -> Contents:
    return load_contents(space)


@pytest.fixture(scope="module")
def served(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(space, tmp_path_factory.mktemp("app")) as started:
        yield started


@pytest.fixture
def app(page: Page, served: Running) -> Page:
    """The page as it first appears: with the first example's result."""
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    return page


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    image = Image.new("RGB", (320, 240), "white")
    ImageDraw.Draw(image).ellipse((90, 40, 230, 200), fill="navy")
    image.save(tmp_path / "drawing.png")
    return tmp_path / "drawing.png"


def answer(app: Page) -> Locator:
    return app.locator("#prediction .answer")


def rows(app: Page) -> Locator:
    return app.locator("#prediction .bars li")


def heats(app: Page) -> Locator:
    return app.locator("#maps .heat")


def number(app: Page, label: str, place: int = 0) -> Locator:
    return app.get_by_label(f"number input for {label}").nth(place)


def open_tab(app: Page, name: str) -> None:
    app.get_by_role("tab", name=name).click()


def test_first_sight_is_a_result(app, contents):
    expect(answer(app)).to_be_visible()
    expect(rows(app)).to_have_count(contents.top_classes)
    expect(app.get_by_role("heading", level=1)).to_contain_text("Handwritten digits")


def test_every_example_can_be_picked_by_name(app, contents):
    expect(app.locator("#examples .gallery-item")).to_have_count(10)
    for label in (9, 4):
        app.get_by_role("button", name=f"Example: {contents.classes[label]}").click()
        with Image.open(contents.examples[label]) as image:
            probabilities = contents.probabilities(contents.fit(image)[None])[0]
        expect(answer(app)).to_contain_text(f"{probabilities.max():.1%}")


def test_top_classes_never_exceed_ten(app):
    box = number(app, "How many top classes to show")
    for typed, shown in (("11", "10"), ("5", "5"), ("0", "1"), ("10", "10")):
        box.fill(typed)
        box.press("Tab")
        expect(box).to_have_value(shown)
        expect(rows(app)).to_have_count(int(shown))


def test_top_classes_by_keyboard_alone(app):
    slider = app.get_by_label("range slider for How many top classes to show").first
    slider.focus()
    app.keyboard.press("ArrowRight")
    expect(rows(app)).to_have_count(4)
    app.keyboard.press("Home")
    expect(rows(app)).to_have_count(1)


def test_heat_maps_off_and_on(app):
    box = app.get_by_label("Show Grad-CAM images")
    box.uncheck()
    expect(app.locator("#maps figure")).to_have_count(0)
    expect(number(app, "How many Grad-CAM images")).to_be_hidden()
    box.check()
    expect(app.locator("#maps figure")).to_have_count(4)
    expect(number(app, "How many Grad-CAM images")).to_be_visible()


def test_how_many_heat_maps(app):
    box = number(app, "How many Grad-CAM images")
    box.fill("7")
    expect(heats(app)).to_have_count(7)


def test_layers_one_by_one_and_side_by_side(app, contents):
    seen = {heats(app).first.get_attribute("src")}
    for layer in ("prep · 32×32", "layer1 · 16×16", "layer2 · 8×8"):
        before = heats(app).first.get_attribute("src")
        app.get_by_label(layer).first.check()
        expect(heats(app).first).not_to_have_attribute("src", before)
        seen.add(heats(app).first.get_attribute("src"))
    assert len(seen) == 4
    app.get_by_label("all", exact=True).check()
    expect(heats(app)).to_have_count(3 * len(contents.layers))


def test_methods(app):
    app.get_by_role("button", name="Other methods").click()
    before = heats(app).first.get_attribute("src")
    app.get_by_label("LayerCAM").check()
    expect(heats(app).first).not_to_have_attribute("src", before)


def test_opacity_needs_no_request_and_stays_in_its_tab(app):
    open_tab(app, "Mistakes")
    app.get_by_label("Show misclassified images").check()
    app.get_by_label("Explain with Grad-CAM").check()
    expect(app.locator("#mistakes .heat").first).to_have_css("opacity", "0.7")
    open_tab(app, "Classify")
    requests: list[str] = []
    app.on("request", lambda request: requests.append(request.url))
    app.get_by_label("range slider for Heat-map opacity (%)").first.fill("25")
    expect(heats(app).first).to_have_css("opacity", "0.25")
    assert not [address for address in requests if "queue/join" in address]
    open_tab(app, "Mistakes")
    expect(app.locator("#mistakes .heat").first).to_have_css("opacity", "0.7")


def test_opacity_holds_for_the_next_picture(app):
    app.get_by_label("range slider for Heat-map opacity (%)").first.fill("25")
    before = heats(app).first.get_attribute("src")
    app.get_by_role("button", name="Example: 7").click()
    expect(heats(app).first).not_to_have_attribute("src", before)
    expect(heats(app).first).to_have_css("opacity", "0.25")


def test_an_uploaded_picture(app, contents, drawing):
    app.get_by_label("Remove Image").click()
    expect(app.locator("#prediction")).to_contain_text("Upload a picture or pick an example")
    expect(app.locator("#maps figure")).to_have_count(0)
    app.locator("#picture input[type=file]").set_input_files(drawing)
    with Image.open(drawing) as image:
        probabilities = contents.probabilities(contents.fit(image)[None])[0]
    expect(answer(app)).to_contain_text(contents.classes[probabilities.argmax()])
    expect(answer(app)).to_contain_text(f"{probabilities.max():.1%}")


@pytest.mark.parametrize("name", ["empty.png", "text.jpg", "dot.png"])
def test_a_bad_upload_says_why_and_clears_the_results(app, tmp_path, faults, name):
    path = tmp_path / name
    path.write_bytes({"empty.png": b"", "text.jpg": b"no picture"}.get(name, b""))
    if name == "dot.png":
        Image.new("RGB", (1, 1)).save(path)
    app.get_by_label("Remove Image").click()
    app.locator("#picture input[type=file]").set_input_files(path)
    words = "only 1×1 pixels" if name == "dot.png" else "could not be read as a picture"
    expect(app.locator("#prediction [role=alert]")).to_contain_text(words)
    expect(app.locator("#maps figure")).to_have_count(0)
    expect(answer(app)).to_have_count(0)
    app.get_by_role("button", name="Example: 3").click()  # and the app lives on
    expect(answer(app)).to_be_visible()
    faults.clear()  # the browser itself may complain of a preview that is no picture


def test_several_pictures_at_once(app, tmp_path, drawing, contents):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    open_tab(app, "Several")
    chooser = app.locator("#pictures input[type=file]")
    chooser.set_input_files([drawing, contents.examples[2], bad])
    cards = app.locator("#cards .card")
    expect(cards).to_have_count(3)
    expect(cards.nth(0)).to_contain_text("drawing.png")
    expect(cards.nth(1).locator(".heat")).to_have_count(1)
    expect(cards.nth(2)).to_contain_text("could not be read as a picture")
    app.get_by_label("Show Grad-CAM", exact=True).uncheck()
    expect(app.locator("#cards .heat")).to_have_count(0)
    number(app, "How many top classes to show", 1).fill("6")
    expect(cards.nth(0).locator(".bars li")).to_have_count(6)


def test_mistakes(app, contents):
    open_tab(app, "Mistakes")
    shown = app.locator("#mistakes figure")
    expect(shown).to_have_count(0)
    app.get_by_label("Show misclassified images").check()
    expect(shown).to_have_count(10)
    number(app, "How many misclassified images").fill(str(MISTAKES))
    expect(shown).to_have_count(MISTAKES)
    first = contents.mistakes[0]
    expect(shown.first).to_contain_text(f"is {contents.classes[first.label]}")
    expect(shown.first).to_contain_text(f"said {contents.classes[first.predicted]}")
    app.get_by_label("Explain with Grad-CAM").check()
    expect(app.locator("#mistakes .heat")).to_have_count(2 * MISTAKES)
    app.get_by_label("Explain with Grad-CAM").uncheck()
    app.get_by_label("True class").click()
    app.get_by_role("option", name=contents.classes[first.label], exact=True).click()
    same = sum(row.label == first.label for row in contents.mistakes)
    expect(shown).to_have_count(same)


def test_about(app, contents):
    open_tab(app, "About")
    text = app.locator("#about-text")
    expect(text).to_contain_text(f"{contents.card['test']['accuracy']:.2%}")
    expect(text).to_contain_text("Limits")
    expect(text.locator("table tr")).to_have_count(11)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_every_control_has_a_name(page, served, width, scheme):
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    for name in ("Classify", "Several", "Mistakes", "About"):
        open_tab(page, name)
        if name == "Mistakes":
            page.get_by_label("Show misclassified images").check()
            expect(page.locator("#mistakes figure")).to_have_count(10)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(NAMELESS) == []
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    assert page.evaluate("[...document.images].every(image => image.hasAttribute('alt'))")
