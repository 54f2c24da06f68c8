"""One running copy of a packaged Space, and its page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from space_making import RunningSpace, make_space, run_copy

from cifarlens.space.app.contents import Contents, load_contents

expect.set_options(timeout=15_000)  # for a busy machine


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSpace]:
    folder = tmp_path_factory.mktemp("app")
    with run_copy(make_space(folder), folder) as app:
        yield app


@pytest.fixture(scope="session")
def contents(served: RunningSpace) -> Contents:
    return load_contents(served.copy)


@pytest.fixture
def app(page: Page, served: RunningSpace) -> Page:
    """The page as it opens, with the result of the first example."""
    page.goto(served.url)
    expect(page.locator("#maps figure")).to_have_count(4)
    return page


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    Image.linear_gradient("L").save(tmp_path / "drawing.png")
    return tmp_path / "drawing.png"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.jpg"
    path.write_text("This is not a picture.")
    return path
