"""Tests the accessibility of the report: both themes, two sizes, keyboard and print.

The fixture `page` fails a test on console errors, exceptions and requests to other machines.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

PHONE = {"width": 390, "height": 844}


def test_every_section_and_picture_is_present(opened: Page) -> None:
    expect(opened).to_have_title(re.compile("CIFAR-10"))
    assert opened.locator("main > section").count() == 8
    broken = opened.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => 0, () => 1)))"
        ".then(failures => failures.reduce((a, b) => a + b, 0))"
    )
    assert broken == 0
    assert opened.locator("svg[role=img]").count() == 10
    for link in opened.locator("nav a").all():
        assert opened.locator(link.get_attribute("href") or "").count() == 1


@pytest.fixture(params=["light", "dark"])
def phone(request: pytest.FixtureRequest, browser: Browser, report: str) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, color_scheme=request.param, has_touch=True)
    page = context.new_page()
    page.goto(report)
    yield page
    context.close()


def test_text_stands_out_in_both_themes(phone: Page) -> None:
    """WCAG requires a contrast of at least 4.5 for text; figures follow the theme."""
    ink, paper = (
        phone.evaluate(
            "name => { const e = document.createElement('i'); document.body.append(e);"
            " e.style.color = `var(${name})`; return getComputedStyle(e).color; }",
            name,
        )
        for name in ("--muted", "--paper")
    )
    assert contrast(ink, paper) >= 4.5
    label = phone.locator("#training svg text").first
    assert contrast(label.evaluate("e => getComputedStyle(e).fill"), paper) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible(opened: Page, scheme: str, width: int) -> None:
    """axe reports no fault, every picture has a description, and the page fits the window."""
    opened.set_viewport_size({"width": width, "height": 844})
    opened.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    faults = Axe().run(opened).response["violations"]
    assert [(row["impact"], row["id"], row["nodes"][0]["html"][:200]) for row in faults] == []
    assert opened.evaluate("[...document.images].every(image => image.hasAttribute('alt'))")
    assert opened.evaluate("document.documentElement.scrollWidth") == width


FOCUSED = """() => { const e = document.activeElement, look = getComputedStyle(e);
  return [e.id || e.name || e.ariaLabel || e.innerText,
    look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 2]; }"""


def test_the_tab_key_reaches_everything_and_shows_the_focus(opened: Page) -> None:
    names: list[str] = []
    while "opacity" not in names:
        assert len(names) < 60
        opened.keyboard.press("Tab")
        name, outlined = opened.evaluate(FOCUSED)
        assert outlined, f"{name} does not show the focus"
        names.append(name)
    assert names[0] == "Skip to the results"
    links = [link.inner_text() for link in opened.locator("nav a").all()]
    assert names[1 : 1 + len(links)] == links
    for name in ("Drawing of the network", "Table of layers", "true", "predicted", "more", "layer"):
        assert name in names
    opened.get_by_text("All layers").focus()
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("region", name="Table of layers")).to_be_hidden()


def contrast(one: str, other: str) -> float:
    """Returns the contrast of two colours rgb(r, g, b) as defined in WCAG 2.2."""
    lights = []
    for colour in (one, other):
        channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(lights) / min(lights)


def test_the_page_prints_with_open_tables(opened: Page, tmp_path: Path) -> None:
    opened.emulate_media(media="print")
    expect(opened.locator("header")).to_be_hidden()
    opened.evaluate("document.querySelector('#network details').open = false")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(opened.get_by_role("region", name="Table of layers")).to_be_visible()
    content = opened.pdf(path=tmp_path / "report.pdf", print_background=True)
    assert content.startswith(b"%PDF")
