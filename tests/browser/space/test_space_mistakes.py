"""The tab of misclassified test images."""

from playwright.sync_api import Locator, Page, expect
from space_visiting import MISTAKES, box, number, open_tab, shown

from cifarlens.space.app.page.handlers import ALL_CLASSES


def figures(app: Page) -> Locator:
    return app.locator("#mistakes figure")


def choose(app: Page, name: str) -> None:
    app.get_by_label("True class").click()
    app.get_by_role("option", name=name, exact=True).click()


def test_off_at_first_then_as_many_as_asked_for(app, contents):
    open_tab(app, "Mistakes")
    stored = len(contents.mistakes)
    expect(figures(app)).to_have_count(0)
    expect(app.locator("#mistakes")).to_contain_text("Turn on “Show misclassified images”")
    box(app, "Show misclassified images").check()
    expect(figures(app)).to_have_count(10)
    for row, figure in zip(contents.mistakes, figures(app).all(), strict=False):
        expect(figure).to_contain_text(f"is {contents.classes[row.label]}")
        expect(figure).to_contain_text(f"said {contents.classes[row.predicted]}")
    number(app, MISTAKES).fill(str(stored + 1))
    expect(shown(app, ".note")).to_contain_text(f"a whole number from 1 to {stored}")
    expect(figures(app)).to_have_count(stored)
    number(app, MISTAKES).fill("1")
    expect(figures(app)).to_have_count(1)
    box(app, "Show misclassified images").uncheck()
    expect(figures(app)).to_have_count(0)


def test_the_true_class(app, contents):
    open_tab(app, "Mistakes")
    box(app, "Show misclassified images").check()
    number(app, MISTAKES).fill(str(len(contents.mistakes)))
    counts = {
        name: sum(row.label == label for row in contents.mistakes)
        for label, name in enumerate(contents.classes)
    }
    assert 0 in counts.values()
    for name, count in counts.items():
        choose(app, name)
        expect(figures(app)).to_have_count(count)
        if not count:
            words = f"No stored mistake has the true class {name}: choose another class."
            expect(app.locator("#mistakes")).to_have_text(words)
    choose(app, ALL_CLASSES)
    expect(figures(app)).to_have_count(len(contents.mistakes))


def test_the_wrong_answers_map_beside_the_right_ones(app, contents):
    open_tab(app, "Mistakes")
    box(app, "Show misclassified images").check()
    expect(figures(app)).to_have_count(10)
    box(app, "Explain with Grad-CAM").check()
    expect(app.locator("#mistakes .heat")).to_have_count(20)
    first, row = app.locator("#mistakes .card").first, contents.mistakes[0]
    wrong, right = first.locator("figure").nth(0), first.locator("figure").nth(1)
    expect(wrong).to_contain_text(f"said {contents.classes[row.predicted]}")
    expect(right).to_contain_text(f"is {contents.classes[row.label]}")
    left, beside = wrong.bounding_box(), right.bounding_box()
    assert left["y"] == beside["y"]
    assert left["x"] + left["width"] <= beside["x"]
    before = wrong.locator(".heat").get_attribute("src")
    box(app, "layer2 · 8×8").check()
    expect(wrong.locator(".heat")).not_to_have_attribute("src", before)
    box(app, "Explain with Grad-CAM").uncheck()
    expect(app.locator("#mistakes .heat")).to_have_count(0)
    expect(box(app, "layer2 · 8×8")).to_have_count(0)
