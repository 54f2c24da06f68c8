"""Spaces with names of classes that are hard to show, and with many classes."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from space_making import ODD_NAMES, RunningSpace, make_space, run_copy
from space_visiting import answer, find_problems, heat_maps, open_tab

from cifarlens.space.app.page.confusion import MAX_CLASSES

MANY = 100


@pytest.fixture(scope="module", params=[len(ODD_NAMES), MANY], ids=["odd names", "many classes"])
def names(request: pytest.FixtureRequest) -> list[str]:
    return [*ODD_NAMES, *(f"class {label}" for label in range(len(ODD_NAMES), request.param))]


@pytest.fixture(scope="module")
def odd(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSpace]:
    folder = tmp_path_factory.mktemp("odd")
    with run_copy(make_space(folder, classes=names, source="folder", fit="pad"), folder) as app:
        yield app


@pytest.mark.parametrize("width", [1280, 390])
def test_every_tab_shows_the_names_as_text_and_fits(page, odd, names, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(odd.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    shown = page.locator("#header .classes li").all_text_contents()
    more = len(names) - len(ODD_NAMES)
    assert shown == [*ODD_NAMES, *([f"and {more} more"] if more else [])]
    for tab in ("Classify", "Mistakes", "About"):
        open_tab(page, tab)
        assert not find_problems(page), tab
    about = page.locator("#about-text")
    for name in ODD_NAMES:
        expect(about.locator("td").get_by_text(name, exact=True).first).to_be_attached()
    expect(page.locator("img[src=x], a[href*=example], .katex")).to_have_count(0)
    expect(page.locator("#examples button")).to_have_count(min(len(names), 20))


def choose(page: Page, label: str, name: str) -> None:
    """Chooses a class by typing its name into a list that can be searched."""
    page.get_by_label(label).click()
    page.keyboard.type(name)
    page.keyboard.press("Enter")


def test_odd_classes_are_explained_linked_and_saved(page, odd):
    chosen = ODD_NAMES[0], "null", "हिन्दी"
    page.goto(odd.url)
    page.get_by_role("button", name="Methods, classes, scale").click()
    for name in chosen:
        choose(page, "Classes to explain", name)
    captions = page.locator("#maps figcaption b")
    expect(captions).to_have_text(["input", *chosen])
    with page.expect_download() as download:
        page.locator("#maps .save").last.click(force=True)
    assert download.value.suggested_filename == "grad-cam-of-हिन्दी-from-layer3.png"
    expect(page).to_have_url(re.compile("(classes=.*){3}"))
    page.goto(page.url)
    expect(captions).to_have_text(["input", *chosen])


def test_a_true_class_is_found_among_many(page, odd, names):
    page.goto(f"{odd.url}/?tab=mistakes")
    box = page.get_by_label("True class")
    if len(names) <= MAX_CLASSES:
        box.click()
        page.get_by_role("option", name=ODD_NAMES[0]).click()
    else:
        choose(page, "True class", ODD_NAMES[0])
    expect(page.locator("#mistakes")).to_contain_text(f"of class {ODD_NAMES[0]}")
    expect(page).to_have_url(re.compile("mistakes-true="))
    page.goto(page.url)
    expect(box).to_have_value(ODD_NAMES[0])


def test_the_probability_stands_right_of_an_arabic_name(page, odd):
    page.goto(odd.url)
    expect(heat_maps(page)).to_have_count(3)
    answer(page).evaluate("(e, name) => { e.firstChild.data = `${name} `; }", ODD_NAMES[3])
    box, share = answer(page).bounding_box(), answer(page).locator("small").bounding_box()
    assert share["x"] > box["x"]


def test_a_program_names_odd_classes(odd):
    names = list(ODD_NAMES[:3])
    image = odd.upload("a.png", next(iter(odd.copy.glob("examples/0_*.png"))).read_bytes())
    event, (maps,) = odd.ask("gradcam", image, 1, "layer3", 60, "Grad-CAM", names)
    assert event == "complete"
    assert [row["caption"].rpartition(" ")[0] for row in maps] == names
    event, (mistakes,) = odd.ask("misclassified", 5, names[0], "all classes")
    assert event == "complete"
    assert all(row["caption"].startswith(f"{names[0]} predicted as ") for row in mistakes)
