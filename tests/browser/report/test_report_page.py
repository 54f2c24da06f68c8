"""Tests the accessibility of the report: both themes, two sizes, keyboard and print.

The fixture `page` fails a test on console errors, exceptions and requests to other machines.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect


def test_every_picture_and_section_can_be_reached(opened: Page) -> None:
    expect(opened).to_have_title(re.compile("CIFAR-10"))
    broken = opened.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => 0, () => 1)))"
        ".then(failures => failures.reduce((a, b) => a + b, 0))"
    )
    assert broken == 0
    for link in opened.locator("nav a").all():
        assert opened.locator(link.get_attribute("href") or "").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible(opened: Page, scheme: str, width: int) -> None:
    """axe reports no fault, and the page fits the window."""
    opened.set_viewport_size({"width": width, "height": 844})
    opened.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    faults = Axe().run(opened).response["violations"]
    assert [(row["impact"], row["id"], row["nodes"][0]["html"][:200]) for row in faults] == []
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    # axe does not check text in figures: it must have the colour of text that axe checks.
    label = opened.locator("#training svg text").first.evaluate("e => getComputedStyle(e).fill")
    assert label == opened.locator("section .note").first.evaluate("e => getComputedStyle(e).color")


FOCUSED = """() => { const e = document.activeElement, look = getComputedStyle(e);
  return [e.id || e.name || e.ariaLabel || e.innerText,
    look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 2]; }"""


def test_the_tab_key_reaches_everything_and_shows_the_focus(opened: Page) -> None:
    names: list[str] = []
    while "Drawing of the network" not in names:
        assert len(names) < 300
        opened.keyboard.press("Tab")
        name, outlined = opened.evaluate(FOCUSED)
        assert outlined, f"{name} does not show the focus"
        names.append(name)
    assert names[0] == "Skip to the results"
    links = [link.inner_text() for link in opened.locator("nav a").all()]
    assert names[1 : 1 + len(links)] == links
    for name in ("true", "more", "layer", "opacity"):
        assert name in names
    opened.get_by_text("All operations").focus()
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("region", name="Table of operations")).to_be_visible()


def test_the_page_prints_with_open_tables(opened: Page) -> None:
    opened.emulate_media(media="print")
    expect(opened.locator("header")).to_be_hidden()
    opened.evaluate("document.querySelector('#network details').open = false")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(opened.get_by_role("region", name="Table of operations")).to_be_visible()
