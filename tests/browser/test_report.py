"""The report as people use it: in Chromium, from a file, in both themes and both sizes.

`page` fails a test on console errors, exceptions and requests that leave this machine.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from cifarlens.classifier.bundle import Bundle, BundleConfig
from cifarlens.classifier.networks import custom_resnet
from cifarlens.classifier.operations import network_layers
from cifarlens.dataset.arrays import Dataset
from cifarlens.dataset.statistics import class_counts
from cifarlens.evaluation.cases import all_cases
from cifarlens.evaluation.metrics import evaluate
from cifarlens.explanation.explain import explain
from cifarlens.params import Augment, Loss, Optimizer
from cifarlens.report.report import write_report
from cifarlens.report.run import Run, RunParams
from cifarlens.report.sections.errors import FIRST

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def run(digits: Dataset) -> Run:
    """The digits with logits that err in about every fifth image."""
    labels, classes = digits.test_labels, digits.classes
    random = np.random.default_rng(0)
    logits = 3 * np.eye(10)[labels] + 1.6 * random.normal(size=(len(labels), 10))
    logits = logits.astype(np.float32)
    epochs = [float(epoch) for epoch in range(1, 9)]
    falling = [2.0 / epoch for epoch in epochs]
    rising = [1 - 0.9 / epoch for epoch in epochs]
    grey, rates = (0.31, 0.31, 0.31), np.geomspace(1e-5, 1, 40).tolist()
    losses = [abs(np.log10(rate) + 2) + 0.5 for rate in rates]
    network = custom_resnet(10, width=4).eval()
    return Run(
        source="cifar10",  # the data set with a goal
        params=RunParams(
            seed=0,
            batch_size=128,
            peak_epoch=3,
            lr_max="auto",
            lr_min=1e-4,
            val_size=0,
            augment=Augment(padding=4, flip=False, cutout=8),
            optimizer=Optimizer(weight_decay=0.3, decoupled=True, beta1=0.9, beta2=0.99),
            loss=Loss(label_smoothing=0.1),
        ),
        dataset=digits,
        config=BundleConfig("custom_resnet", {"width": 4}, classes, grey, grey, 32, network.layers),
        layers=network_layers(network, 32),
        cases=all_cases(logits, labels),
        result=evaluate(logits, labels, classes),
        stats={
            "mean": grey,
            "std": grey,
            "images": len(digits.train_labels),
            "class_counts": class_counts(digits.train_labels, classes),
        },
        finder={
            "lr_max": 0.01,
            "lr_min": 1e-4,
            "lr_valley_start": 0.003,
            "lr_valley_end": 0.03,
            "repeats": 1,
        },
        curve={"lr": rates, "loss": losses, "smooth": losses},
        train={
            "epochs": 8,
            "lr_max": 0.01,
            "lr_min": 1e-4,
            "kept_epoch": 8,
            "ema_decay": 0.0,
            "parameters": 26_490,
            "train_loss": falling[-1],
            "train_accuracy": rising[-1],
        },
        history={
            "epoch": epochs,
            "lr": falling,
            "train_loss": falling,
            "train_accuracy": rising,
        },
        rates={"step": epochs, "lr": falling},
    )


@pytest.fixture(scope="module")
def report(run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report."""
    torch.manual_seed(0)
    bundle = Bundle(custom_resnet(10, width=4).eval().requires_grad_(False), run.config)
    found = explain(bundle, run.dataset.test_images, run.cases, 4)
    path = tmp_path_factory.mktemp("report") / "index.html"
    write_report(path, run, found, opacity=0.6)
    return path.as_uri()


@pytest.fixture
def opened(page: Page, report: str) -> Page:
    page.goto(report)
    return page


def heat(page: Page) -> Locator:
    return page.locator("#explanations .heat").first


def style(element: Locator, name: str) -> str:
    value: str = element.evaluate("(e, name) => getComputedStyle(e)[name]", name)
    return value


def pixels(element: Locator) -> bytes:
    return element.screenshot()


def test_every_section_and_picture_is_there(opened: Page, run: Run) -> None:
    expect(opened).to_have_title(re.compile("CIFAR-10"))
    assert opened.locator("main > section").count() == 8
    broken = opened.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => 0, () => 1)))"
        ".then(found => found.reduce((a, b) => a + b, 0))"
    )
    assert broken == 0
    assert opened.locator("svg[role=img]").count() == 10
    for link in opened.locator("nav a").all():
        assert opened.locator(link.get_attribute("href") or "").count() == 1


def test_opacity_changes_the_maps_at_once(opened: Page) -> None:
    assert style(heat(opened), "opacity") == "0.6"
    slider = opened.get_by_label("Opacity")
    slider.focus()
    before = pixels(opened.locator(".card").first)
    slider.press("ArrowRight")
    assert style(heat(opened), "opacity") == "0.65"
    expect(opened.locator("#percent")).to_have_text("65%")
    slider.press("Home")
    assert style(heat(opened), "opacity") == "0"
    assert pixels(opened.locator(".card").first) != before


def test_layer_changes_the_maps_at_once(opened: Page) -> None:
    card = opened.locator(".card").first
    expect(opened.get_by_label("layer3")).to_be_checked()
    assert style(heat(opened), "objectPosition") == "0px 100%"
    seen = [pixels(card)]
    for name, place in (("prep", "0%"), ("layer1", "33.3"), ("layer2", "66.6")):
        opened.get_by_label(name).check()
        assert style(heat(opened), "objectPosition").startswith(f"0px {place}")
        seen.append(pixels(card))
    assert len(set(seen)) == 4


def test_layers_by_keyboard(opened: Page) -> None:
    opened.get_by_label("layer3").focus()
    opened.keyboard.press("ArrowLeft")
    expect(opened.get_by_label("layer2")).to_be_checked()


def test_layer_and_opacity_move_the_maps_of_every_method(opened: Page) -> None:
    other = opened.locator(".methods .heat").nth(2)
    tested = opened.locator("#trust .heat").first
    opened.get_by_label("prep").check()
    opened.get_by_label("Opacity").press("End")
    assert style(other, "objectPosition") == "0px 0%"
    assert style(other, "opacity") == "1"
    assert style(tested, "opacity") == "0.6"  # the tests' pictures show one layer


def test_numbers_of_the_charts_open_by_keyboard(opened: Page) -> None:
    cell = opened.get_by_role("columnheader", name="Precision")
    expect(cell).to_be_hidden()
    opened.locator("#errors summary").first.focus()
    opened.keyboard.press("Enter")
    expect(cell).to_be_visible()


def test_filter_by_true_and_predicted_class(opened: Page, run: Run) -> None:
    wrong = [case for case in run.cases if not case.correct]
    shown = opened.locator("#mistakes > li:visible")
    expect(shown).to_have_count(FIRST)
    opened.get_by_label("True class", exact=True).select_option("3")
    expect(shown).to_have_count(sum(case.true == 3 for case in wrong))
    for text in shown.all_inner_texts():
        assert "is 3" in text
    pair = next(case for case in wrong if case.true == 3)
    opened.get_by_label("Predicted class", exact=True).select_option(str(pair.predicted))
    both = [case for case in wrong if (case.true, case.predicted) == (3, pair.predicted)]
    expect(shown).to_have_count(len(both))
    expect(opened.locator("#shown")).to_have_text(f"{len(both)} of {len(both)} shown")


def test_a_filter_that_nothing_fits_says_so(opened: Page, run: Run) -> None:
    wrong = {(case.true, case.predicted) for case in run.cases if not case.correct}
    true, predicted = next(
        (i, j) for i in {i for i, _ in wrong} for j in {j for _, j in wrong} if (i, j) not in wrong
    )
    opened.get_by_label("True class", exact=True).select_option(str(true))
    opened.get_by_label("Predicted class", exact=True).select_option(str(predicted))
    expect(opened.get_by_text("No such mistake")).to_be_visible()
    expect(opened.locator("#more")).to_be_hidden()


def test_more_mistakes_on_demand(opened: Page, run: Run) -> None:
    total = run.result.images - run.result.correct
    opened.get_by_role("button", name=f"Show all {total}").click()
    expect(opened.locator("#mistakes > li:visible")).to_have_count(total)
    opened.get_by_role("button", name=f"Show the first {FIRST}").click()
    expect(opened.locator("#mistakes > li:visible")).to_have_count(FIRST)


def test_confusion_in_images_and_percent(opened: Page) -> None:
    cell = opened.locator("#confusion tbody tr").first.locator("td").first
    images = cell.inner_text()
    opened.get_by_label("percent of the true class").check()
    assert re.fullmatch(r"\d+\.\d", cell.inner_text())
    opened.get_by_label("images", exact=True).check()
    assert cell.inner_text() == images


@pytest.fixture(params=["light", "dark"])
def phone(request: pytest.FixtureRequest, browser: Browser, report: str) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, color_scheme=request.param, has_touch=True)
    page = context.new_page()
    page.goto(report)
    yield page
    context.close()


def test_text_stands_out_in_both_themes(phone: Page) -> None:
    """WCAG's contrast of the body's text, 4.5 at least, and figures follow the theme."""
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
    assert contrast(style(label, "fill"), paper) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_for_everybody(opened: Page, scheme: str, width: int) -> None:
    """axe finds nothing, every picture has a description, and nothing is wider than the window."""
    opened.set_viewport_size({"width": width, "height": 844})
    opened.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found = Axe().run(opened).response["violations"]
    assert [(row["impact"], row["id"], row["nodes"][0]["html"][:200]) for row in found] == []
    assert opened.evaluate("[...document.images].every(image => image.hasAttribute('alt'))")
    assert opened.evaluate("document.documentElement.scrollWidth") == width


FOCUSED = """() => { const e = document.activeElement, look = getComputedStyle(e);
  return [e.id || e.name || e.ariaLabel || e.innerText,
    look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 2]; }"""


def test_tab_alone_reaches_everything_and_shows_where_it_is(opened: Page) -> None:
    seen: list[str] = []
    while "opacity" not in seen:
        assert len(seen) < 60
        opened.keyboard.press("Tab")
        name, outlined = opened.evaluate(FOCUSED)
        assert outlined, f"{name} has the focus, but does not show it"
        seen.append(name)
    assert seen[0] == "Skip to the results"
    links = [link.inner_text() for link in opened.locator("nav a").all()]
    assert seen[1 : 1 + len(links)] == links
    for name in ("Drawing of the network", "Table of layers", "true", "predicted", "more", "layer"):
        assert name in seen
    opened.get_by_text("The layers in numbers").focus()
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("region", name="Table of layers")).to_be_hidden()


def contrast(one: str, other: str) -> float:
    """Of two colours rgb(r, g, b), by WCAG 2.2."""
    lights = []
    for colour in (one, other):
        channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(lights) / min(lights)


def test_without_errors_the_page_works_too(page: Page, run: Run, tmp_path: Path) -> None:
    labels = run.dataset.test_labels
    logits = 5 * np.eye(10, dtype=np.float32)[labels]
    perfect = replace(
        run,
        cases=all_cases(logits, labels),
        result=evaluate(logits, labels, run.dataset.classes),
    )
    torch.manual_seed(0)
    bundle = Bundle(custom_resnet(10, width=4).eval().requires_grad_(False), run.config)
    found = explain(bundle, run.dataset.test_images, perfect.cases, 2, layer="prep")
    write_report(tmp_path / "index.html", perfect, found, opacity=0)
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.get_by_text("Nothing was confused")).to_be_visible()
    page.get_by_label("layer3").check()
    assert style(heat(page), "objectPosition") == "0px 100%"
    assert style(heat(page), "opacity") == "0"


def test_it_prints(opened: Page, tmp_path: Path) -> None:
    opened.emulate_media(media="print")
    expect(opened.locator("header")).to_be_hidden()
    opened.evaluate("document.querySelector('#network details').open = false")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")  # paper has no folds
    expect(opened.get_by_role("region", name="Table of layers")).to_be_visible()
    content = opened.pdf(path=tmp_path / "report.pdf", print_background=True)
    assert content.startswith(b"%PDF")
