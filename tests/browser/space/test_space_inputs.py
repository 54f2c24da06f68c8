"""Pictures from every source, good and bad, one and several."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect
from space_visiting import answer, bars, heat_maps, number, open_tab, visible

from cifarlens.display.formats import probability
from cifarlens.space.app.choices import TOP_CLASSES
from cifarlens.space.app.contents import Contents
from cifarlens.space.app.page.tabs import several
from cifarlens.space.app.page.tabs.classify import START

COPY = """async () => {
  const canvas = new OffscreenCanvas(64, 64), pen = canvas.getContext('2d');
  pen.fillStyle = 'white'; pen.fillRect(0, 0, 64, 64);
  pen.fillStyle = 'black'; pen.fillRect(20, 8, 24, 48);
  const blob = await canvas.convertToBlob({type: 'image/png'});
  await navigator.clipboard.write([new ClipboardItem({'image/png': blob})]);
}"""
CAMERA_IS_ON = """() => { const video = document.querySelector('[data-testid=webcam-video]');
  return video?.readyState >= 2 && video.videoWidth > 0; }"""


def expected_answer(contents: Contents, path: Path) -> str:
    probabilities = contents.probabilities(contents.open(path))
    name = contents.classes[probabilities.argmax()]
    return f"{name} {probability(probabilities.max(), 1)}"


def clear(app: Page) -> None:
    app.get_by_label("Remove Image").click()
    expect(app.locator("#prediction")).to_have_text(START)
    expect(app.locator("#maps figure")).to_have_count(0)


def test_every_example_has_a_name_and_gives_its_result(app, contents):
    for name in contents.classes:
        button = app.get_by_role("button", name=f"Example: {name}", exact=True)
        expect(button).to_have_count(1)
    for label in (9, 0):
        before = heat_maps(app).first.get_attribute("src")
        app.get_by_role("button", name=f"Example: {contents.classes[label]}").click()
        expect(heat_maps(app).first).not_to_have_attribute("src", before)
        expect(answer(app)).to_have_text(expected_answer(contents, contents.examples[label]))


def test_pictures_from_the_clipboard_and_the_camera(app):
    app.context.grant_permissions(["clipboard-read", "clipboard-write", "camera"])
    app.evaluate("navigator.clipboard.writeText('no picture')")
    before = heat_maps(app).first.get_attribute("src")
    app.get_by_label("Paste from clipboard").click()
    expect(app.locator("#picture .note")).to_have_text(
        "The clipboard holds no picture. Copy one first."
    )
    expect(heat_maps(app).first).to_have_attribute("src", before)  # it keeps the picture at hand
    app.evaluate(COPY)
    app.get_by_label("Paste from clipboard").click()
    expect(heat_maps(app).first).not_to_have_attribute("src", before)
    expect(app.locator("#picture .note")).to_have_count(0)
    expect(heat_maps(app)).to_have_count(3)
    clear(app)
    app.get_by_label("Capture from camera").click()
    app.get_by_text("Click to Access Webcam").click()
    app.wait_for_function(CAMERA_IS_ON)
    app.get_by_label("capture photo").click()
    expect(answer(app)).to_be_visible()
    expect(heat_maps(app)).to_have_count(3)


def test_a_bad_file_is_explained_and_a_good_one_still_works(
    app, contents, drawing, tmp_path, faults
):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    clear(app)
    app.locator("#picture input[type=file]").set_input_files(tmp_path / "dot.png")
    expect(app.locator("#prediction [role=alert]")).to_contain_text("1×1")
    expect(app.locator("#maps figure")).to_have_count(0)
    expect(answer(app)).to_have_count(0)
    number(app, TOP_CLASSES).fill("4")  # does not remove the message
    expect(app.locator("#prediction [role=alert]")).to_contain_text("1×1")
    clear(app)
    app.locator("#picture input[type=file]").set_input_files(drawing)
    expect(answer(app)).to_have_text(expected_answer(contents, drawing))
    expect(bars(app)).to_have_count(4)
    faults.clear()  # the browser reports a preview that is not a picture


def test_several_pictures_at_once(app, drawing, bad, contents):
    open_tab(app, "Several")
    app.locator("#pictures input[type=file]").set_input_files([drawing, contents.examples[2], bad])
    cards = app.locator("#cards .card")
    expect(cards).to_have_count(3)
    expect(cards.nth(0)).to_contain_text(drawing.name)
    expect(cards.locator(".heat")).to_have_count(6)
    expect(cards.nth(2)).to_contain_text("could not be read as a picture")
    visible(app, "#pictures [aria-label=Clear]").click()
    expect(app.locator("#cards")).to_have_text(several.START)
