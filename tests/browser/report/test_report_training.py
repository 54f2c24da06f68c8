"""Tests what a reader takes from the report: CSV files, the text of the epochs, and paper."""

from pathlib import Path

from playwright.sync_api import Page, expect
from report_making import HISTORY

from cifarlens.runtime import paths


def test_a_link_downloads_the_table(opened: Page, tmp_path: Path) -> None:
    with opened.expect_download() as download:
        opened.get_by_role("link", name="lr_find.csv").click()
    assert download.value.suggested_filename == "lr_find.csv"
    download.value.save_as(tmp_path / "lr_find.csv")
    assert (tmp_path / "lr_find.csv").read_bytes() == paths.LR_CURVE.read_bytes()


def test_a_button_copies_the_epochs_and_without_a_clipboard_selects_them(opened: Page) -> None:
    opened.get_by_text("All epochs as text").click()
    button = opened.get_by_role("button", name="Copy")
    opened.evaluate("document.execCommand = () => false")
    button.click()
    expect(button).to_have_text("Copy")
    selected = opened.evaluate("String(getSelection())")
    assert len(selected.strip().splitlines()) == len(HISTORY["epoch"])
    opened.evaluate("delete document.execCommand")
    button.click()
    expect(opened.get_by_role("button", name="Copied")).to_be_visible()


def test_on_paper_nothing_is_cut_and_a_total_comes_once(opened: Page) -> None:
    opened.set_viewport_size({"width": 703, "height": 1000})  # A4 without its margins
    opened.emulate_media(media="print")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    cut = opened.evaluate(
        """[...document.querySelectorAll("table, svg, figure, img, p")]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > 704)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert cut == []
    total = opened.locator("#network tfoot")
    assert total.evaluate("e => getComputedStyle(e).display") == "table-row-group"
    for control in (
        opened.locator("#more, [data-copy]"),
        opened.get_by_role("link", name="train.csv"),
    ):
        assert control.evaluate_all("all => all.some(e => e.checkVisibility())") is False
