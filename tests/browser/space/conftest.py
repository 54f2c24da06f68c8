"""One running copy of a packaged Space for the tests of this folder, and a page of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect
from space_making import Running, make_space, running

from cifarlens.space.app.contents import Contents, load_contents

MISTAKES = 12  # that the Space of these tests ships

expect.set_options(timeout=15_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_space(tmp_path_factory.mktemp("space"), mistakes=MISTAKES)


@pytest.fixture(scope="session")
def contents(space: Path) -> Contents:
    return load_contents(space)


@pytest.fixture(scope="session")
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


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.jpg"
    path.write_text("This is no picture.")
    return path
