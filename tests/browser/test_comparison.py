"""The page that compares two runs, in the browser. `page` fails a test on errors and requests."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from comparison_making import two_runs
from playwright.sync_api import Page

from cifarlens.comparison.page import write_comparison
from cifarlens.dataset.arrays import Dataset


@pytest.fixture(scope="module")
def address(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("comparison") / "compare.html"
    write_comparison(path, *two_runs(digits, lost=20, gained=40))
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible_and_fits_the_window(
    page: Page, address: str, scheme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(address)
    faults = Axe().run(page).response["violations"]
    assert [(row["id"], row["nodes"][0]["html"][:200]) for row in faults] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    heat = page.locator(".heat").first
    assert heat.evaluate("e => e.offsetWidth === e.parentElement.offsetWidth")
