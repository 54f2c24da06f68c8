"""Pictures from every source, good and bad, one and several."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect
from space_visiting import MAPS, TOP, answer, box, heats, number, open_tab, rows, shown

from cifarlens.display.formats import probability
from cifarlens.space.app.contents import Contents

COPY = """async () => {
  const canvas = new OffscreenCanvas(64, 64), pen = canvas.getContext('2d');
  pen.fillStyle = 'white'; pen.fillRect(0, 0, 64, 64);
  pen.fillStyle = 'black'; pen.fillRect(20, 8, 24, 48);
  const blob = await canvas.convertToBlob({type: 'image/png'});
  await navigator.clipboard.write([new ClipboardItem({'image/png': blob})]);
}"""
SEES = """() => { const video = document.querySelector('[data-testid=webcam-video]');
  return video?.readyState >= 2 && video.videoWidth > 0; }"""
START = "Upload a picture or pick an example"


def answer_to(contents: Contents, path: Path) -> str:
    """As the page shows it."""
    chances = contents.probabilities(contents.open(path))
    return f"{contents.classes[chances.argmax()]} {probability(chances.max(), 1)}"


def clear(app: Page) -> None:
    app.get_by_label("Remove Image").click()
    expect(app.locator("#prediction")).to_contain_text(START)
    expect(app.locator("#maps figure")).to_have_count(0)


def test_every_example_can_be_picked_by_name(app, contents):
    expect(app.locator("#examples .gallery-item")).to_have_count(10)
    for label in (*range(1, 10), 0):
        before = heats(app).first.get_attribute("src")
        app.get_by_role("button", name=f"Example: {contents.classes[label]}", exact=True).click()
        expect(heats(app).first).not_to_have_attribute("src", before)
        best = answer_to(contents, contents.examples[label])
        expect(answer(app)).to_have_text(best)


def test_an_uploaded_picture(app, contents, drawing):
    clear(app)
    app.locator("#picture input[type=file]").set_input_files(drawing)
    best = answer_to(contents, drawing)
    expect(answer(app)).to_have_text(best)
    expect(heats(app)).to_have_count(3)


def test_a_picture_from_the_clipboard(app):
    app.context.grant_permissions(["clipboard-read", "clipboard-write"])
    app.evaluate(COPY)
    clear(app)
    app.get_by_label("Paste from clipboard").click()
    expect(answer(app)).to_be_visible()
    expect(heats(app)).to_have_count(3)


def test_a_picture_from_the_camera(app):
    app.context.grant_permissions(["camera"])
    clear(app)
    app.get_by_label("Capture from camera").click()
    app.get_by_text("Click to Access Webcam").click()
    app.wait_for_function(SEES)  # until then there is nothing to take
    app.get_by_label("capture photo").click()
    expect(answer(app)).to_be_visible()
    expect(heats(app)).to_have_count(3)


def test_bad_uploads_say_why_and_clear_the_results(app, tmp_path, faults):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    unreadable = "could not be read as a picture"
    for name, words in (("empty.png", unreadable), ("text.jpg", unreadable), ("dot.png", "1×1")):
        clear(app)
        app.locator("#picture input[type=file]").set_input_files(tmp_path / name)
        expect(app.locator("#prediction [role=alert]")).to_contain_text(words)
        expect(app.locator("#maps figure")).to_have_count(0)
        expect(answer(app)).to_have_count(0)
    number(app, TOP).fill("4")  # a change of settings keeps to the sentence
    expect(app.locator("#prediction [role=alert]")).to_contain_text("1×1")
    app.get_by_role("button", name="Example: 3").click()  # and the app lives on
    expect(rows(app)).to_have_count(4)
    faults.clear()  # the browser itself may complain of a preview that is no picture


def test_several_pictures_at_once(app, drawing, bad, contents):
    open_tab(app, "Several")
    chooser = app.locator("#pictures input[type=file]")
    chooser.set_input_files([drawing, contents.examples[2], bad])
    cards = app.locator("#cards .card")
    expect(cards).to_have_count(3)
    for card, path in ((cards.nth(0), drawing), (cards.nth(1), contents.examples[2])):
        best = answer_to(contents, path)
        expect(card).to_contain_text(path.name)
        expect(card).to_contain_text(best)
        expect(card.locator(".bars li")).to_have_count(3)
        expect(card.locator(".heat")).to_have_count(3)
    expect(cards.nth(2)).to_contain_text("could not be read as a picture")
    number(app, MAPS).fill("1")
    expect(cards.nth(0).locator(".heat")).to_have_count(1)
    number(app, TOP).fill("6")
    expect(cards.nth(0).locator(".bars li")).to_have_count(6)
    before = cards.nth(0).locator(".heat").get_attribute("src")
    box(app, "layer1 · 16×16").check()
    expect(cards.nth(0).locator(".heat")).not_to_have_attribute("src", before)
    box(app, "Show Grad-CAM images").uncheck()
    expect(app.locator("#cards .heat")).to_have_count(0)
    expect(number(app, MAPS)).to_have_count(0)


def test_several_pictures_one_by_one_and_none(app, contents):
    open_tab(app, "Several")
    chooser = app.locator("#pictures input[type=file]")
    chooser.set_input_files(list(contents.examples[:2]))
    cards = app.locator("#cards .card")
    expect(cards).to_have_count(2)
    app.get_by_label("Remove this file").first.click()
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text(contents.examples[1].name)
    shown(app, "#pictures [aria-label=Clear]").click()
    expect(app.locator("#cards")).to_contain_text("each gets its own result here")
