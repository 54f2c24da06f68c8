import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_making import HISTORY, TRAIN, make_run, narrow_bundle, noisy_logits

from cifarlens.classifier.bundle import Bundle
from cifarlens.classifier.networks import NETWORKS
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.explain import ExplainedCase, Explanations, explain
from cifarlens.report.report import write_report
from cifarlens.report.run import Run
from cifarlens.report.sections import SECTIONS
from cifarlens.report.sections.errors import MAX_MISTAKES

RUN_LOG = {"href": "../logs/runs.html"}  # a link, which loads nothing until someone clicks it
VOID = {"meta", "link", "img", "input"}


class Page(HTMLParser):
    """Holds the elements and words of a page; fails if an element is closed in the wrong order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.html = text
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def select(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """Returns the attributes of the elements with this tag and these attributes."""
        pairs = attributes.items()
        return [attrs for name, attrs in self.elements if name == tag and pairs <= attrs.items()]


def render(folder: Path, run: Run, explanations: Explanations, opacity: float = 0.6) -> Page:
    path = folder / "index.html"
    write_report(path, run, explanations, opacity)
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(run: Run, explanations: Explanations, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return render(tmp_path_factory.mktemp("report"), run, explanations)


def test_the_page_shows_the_results_and_loads_nothing(page: Page, run: Run) -> None:
    result = run.result
    for number in (f"{result.accuracy:.2%}", f"{result.loss:.4f}", "up to 0.02 and back to 0.001"):
        assert number in page.text
    assert len(page.select("svg")) == 8
    assert len(page.select("li")) == result.images - result.correct
    assert len(page.select("article")) == 6 + 6 + 6 + 3  # top, cases, methods, removed pixels
    assert [attrs["id"] for attrs in page.select("section")] == [item.name for item in SECTIONS]
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert (attrs.get(name) or "#").startswith(("#", "data:")) or attrs == RUN_LOG
    names = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink")
    assert set(re.findall(r"https?://[^\s\"'<>)]+", page.html)) == set(names)
    assert "@import" not in page.html


def test_initial_layer_and_opacity(run: Run, explanations: Explanations, tmp_path: Path) -> None:
    page = render(tmp_path, run, replace(explanations, layer="layer1"), opacity=0.35)
    layers = page.select("input", name="layer")
    assert [attrs["value"] for attrs in layers if "checked" in attrs] == ["1"]
    assert len(page.select("input", name="opacity", value="0.35")) == 1
    (section,) = page.select("section", id="explanations")
    assert section["style"] == "--opacity: 0.35; --layer: 1; --last: 3"


def test_only_cifar10_has_a_goal(
    page: Page, run: Run, explanations: Explanations, tmp_path: Path
) -> None:
    """The met goal also has differences of zero between training and test."""
    assert "Goal" not in page.text
    met = {"accuracy": TRAIN["train_accuracy"], "loss": TRAIN["train_loss"]}
    texts = [
        render(
            tmp_path,
            replace(run, source="cifar10", result=replace(run.result, **changes)),
            explanations,
        ).text
        for changes in ({"accuracy": 0.8999}, met)
    ]
    assert "test accuracy of 90%: ✗ missed by 0.01 percentage points" in texts[0]
    for words in ("test accuracy of 90%: ✓ met", "+0.0000 +0.00 percentage points"):
        assert words in texts[1]
    assert "-0.00" not in texts[1]


def test_the_origin_of_the_rates(
    page: Page, run: Run, explanations: Explanations, tmp_path: Path
) -> None:
    assert "lr_max 0.02, auto: suggested by lr_find" in page.text
    assert "lr_min 0.001, set in params.yaml" in page.text
    assert "Valley 0.02 to 0.08, middle 0.04" in page.text
    assert "here 0.5 times the middle" in page.text
    assert "trains 2 new networks for up to" in page.text
    assert "The curve shows the mean loss of these networks." in page.text
    params = replace(run.params, repeats=1, lr_min="auto")
    other = render(tmp_path, replace(run, params=params), explanations).text
    assert "trains a new network for up to" in other
    assert "mean loss of these" not in other
    assert "lr_min 0.001, auto: lowered to lr_max" in other


def test_a_run_without_augmentation(
    page: Page, run: Run, explanations: Explanations, tmp_path: Path
) -> None:
    assert "With augmented images, training is harder" in page.text
    augment = run.params.augment.model_copy(update={"padding": 0, "flip": False, "cutout": 0})
    params = replace(run.params, augment=augment, ema_decay=0.9)
    changed = replace(run, params=params, train=run.train | {"kept_epoch": 2})
    text = render(tmp_path, changed, explanations).text
    assert "This run does not augment" in text
    assert "augmented" not in text
    assert "Kept weights (epoch 2)" in text
    assert "validation and test values to their exponential moving average" in text


def test_a_run_of_one_epoch_without_validation_and_errors(
    bundle: Bundle, few_digits: Dataset, tmp_path: Path
) -> None:
    history = {name: v[:1] for name, v in HISTORY.items() if not name.startswith("val")}
    train = {name: value for name, value in TRAIN.items() if not name.startswith("val")}
    logits = noisy_logits(few_digits.test_labels, 10, 0)
    run = make_run(few_digits, logits, history=history, train=train)
    page = render(tmp_path, run, explain(bundle, few_digits.test_images, run.cases, 2))
    assert "This run did not hold images out for validation." in page.text
    assert page.text.lower().count("validation") == 1
    assert "100.00%" in page.text
    assert page.text.count("The network classified every test image correctly.") == 2
    assert page.select("li") == []


def test_a_class_without_predictions_and_a_class_without_images(
    bundle: Bundle, few_digits: Dataset, tmp_path: Path
) -> None:
    logits = noisy_logits(few_digits.test_labels, 10, 1)
    logits[:, 3] = -9
    rows = few_digits.test_labels != 7
    images, labels = few_digits.test_images[rows], few_digits.test_labels[rows]
    run = make_run(replace(few_digits, test_images=images, test_labels=labels), logits[rows])
    page = render(tmp_path, run, explain(bundle, images, run.cases, 2))
    assert run.result.confusion[:, 3].sum() == 0
    assert "nan" not in page.text.lower()
    assert re.search(r"3 0\.0% 0\.0% to \d+\.\d% never predicted \d+", page.text)
    assert re.search(r"7 – \d+\.\d% 0 ", page.text)


def test_two_classes_with_unusual_names_and_only_mistakes(
    few_digits: Dataset, tmp_path: Path
) -> None:
    names = ("<b>$x$ & co", 'a "quoted" name that is rather long')
    train, test = few_digits.train_labels < 2, few_digits.test_labels < 2
    dataset = Dataset(
        few_digits.train_images[train],
        few_digits.train_labels[train],
        few_digits.test_images[test],
        few_digits.test_labels[test],
        names,
    )
    bundle = narrow_bundle(names)
    run = make_run(dataset, -noisy_logits(dataset.test_labels, 2, 0.1))
    page = render(tmp_path, run, explain(bundle, dataset.test_images, run.cases, 2))
    message = "The network classified no test image correctly."
    for text in (*names, "0.00%", message):
        assert text in page.text
    assert len(page.select("li")) == test.sum()


def test_a_page_with_the_most_images_has_at_most_8_mb(run: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    network = NETWORKS["resnet18"](10, width=2).eval().requires_grad_(False)
    config = replace(run.config, architecture="resnet18", layers=network.layers)
    few = explain(Bundle(network, config), run.dataset.test_images, run.cases, 2)
    item = few.mistakes[0]

    def noisy_case() -> ExplainedCase:
        """Returns a case whose image is about as hard to compress as one of CIFAR-10."""
        image = 4 * random.integers(0, 64, (32, 32, 3)).astype(np.uint8)
        predicted, true = (
            {
                name: np.kron(random.random((16, 16)), np.ones((2, 2))).astype(np.float32)
                for name in maps
            }
            for maps in (item.predicted_maps, item.true_maps)
        )
        return ExplainedCase(item.case, image, predicted, true)

    many = [noisy_case() for _ in range(200)]
    cases = [replace(item.case, index=index % 100) for index in range(MAX_MISTAKES + 50)]
    noise = 4 * random.integers(0, 64, (100, 32, 32, 3)).astype(np.uint8)
    full = replace(run, config=config, cases=cases, dataset=replace(run.dataset, test_images=noise))
    page = render(tmp_path, full, replace(few, mistakes=many, correct=many))
    assert len(page.select("li")) == MAX_MISTAKES
    assert (tmp_path / "index.html").stat().st_size < 8_000_000
