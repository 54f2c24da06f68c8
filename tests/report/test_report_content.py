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
from cifarlens.explanation.explain import Explained, Explanations, explain
from cifarlens.report.report import write_report
from cifarlens.report.run import Run
from cifarlens.report.sections import SECTIONS
from cifarlens.report.sections.errors import GALLERY

TIMES = {"href": "../logs/runs.html"}  # only a link: a click on it opens a file of this machine
VOID = {"meta", "link", "img", "input"}


class Page(HTMLParser):
    """A page's elements and words; fails on an element that is closed out of turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def count(self, tag: str, **attributes: str) -> int:
        return sum(
            name == tag and all(found.get(key) == value for key, value in attributes.items())
            for name, found in self.elements
        )


def render(folder: Path, run: Run, found: Explanations, opacity: float = 0.6) -> Page:
    path = folder / "index.html"
    write_report(path, run, found, opacity)
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_holds_what_was_found(
    run: Run, explanations: Explanations, tmp_path: Path
) -> None:
    page = render(tmp_path, run, explanations)
    result = run.result
    assert f"{result.accuracy:.2%}" in page.text
    assert f"{result.loss:.4f}" in page.text
    assert "95% interval" in page.text
    assert "103,954" in page.text
    assert "0.001 → 0.02 → 0.001" in page.text
    assert page.count("svg") == 10
    assert page.count("li") == result.images - result.correct
    assert page.count("article") == 6 + 6 + 3  # cases, where methods differ, pixels removed
    sections = [found["id"] for tag, found in page.elements if tag == "section"]
    assert sections == [section.name for section in SECTIONS]


def test_ids_are_unique(run: Run, explanations: Explanations, tmp_path: Path) -> None:
    page = render(tmp_path, run, explanations)
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))


def test_nothing_is_asked_of_other_places(
    run: Run, explanations: Explanations, tmp_path: Path
) -> None:
    page = render(tmp_path, run, explanations)
    for _, found in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert (found.get(name) or "#").startswith(("#", "data:")) or found == TIMES
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    names = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink")
    assert set(re.findall(r"https?://[^\s\"'<>)]+", text)) == set(names)
    assert "@import" not in text


def test_the_same_bytes_again(run: Run, explanations: Explanations, tmp_path: Path) -> None:
    render(tmp_path / "a", run, explanations)
    render(tmp_path / "b", run, explanations)
    first, second = (tmp_path / name / "index.html" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_layer_and_opacity_start_as_asked(
    run: Run, explanations: Explanations, tmp_path: Path
) -> None:
    page = render(tmp_path, run, replace(explanations, layer="layer1"), opacity=0.35)
    checked = [
        found["value"]
        for tag, found in page.elements
        if tag == "input" and found.get("name") == "layer" and "checked" in found
    ]
    assert checked == ["1"]
    assert page.count("input", name="opacity", value="0.35") == 1
    (style,) = (found["style"] for _, found in page.elements if found.get("id") == "explanations")
    assert style == "--opacity: 0.35; --layer: 1; --last: 3"


@pytest.mark.parametrize(
    ("source", "accuracy", "says"),
    [
        ("cifar10", 0.9, "Goal of 90% met"),
        ("cifar10", 0.8999, "Goal of 90% missed by 0.01 points"),
        ("digits", 0.95, None),
    ],
)
def test_the_goal_belongs_to_cifar10(
    run: Run,
    explanations: Explanations,
    tmp_path: Path,
    source: str,
    accuracy: float,
    says: str | None,
) -> None:
    changed = replace(run, source=source, result=replace(run.result, accuracy=accuracy))
    text = render(tmp_path, changed, explanations).text
    assert (says in text) if says else ("Goal" not in text)


def test_the_rates_origin(run: Run, explanations: Explanations, tmp_path: Path) -> None:
    text = render(tmp_path, run, explanations).text
    assert "lr_max 0.02 auto: found by lr_find" in text
    assert "lr_min 0.001 set by hand in params.yaml" in text
    assert "Valley 0.02 to 0.08, its middle 0.04" in text
    assert "lr_max is 0.5 times the valley's middle" in text
    assert "2 fresh networks take up to" in text
    assert "; the curve is their mean. Where" in text
    once = render(tmp_path, replace(run, finder={**run.finder, "repeats": 1}), explanations).text
    assert "A fresh network takes up to" in once
    assert "their mean" not in once
    lowered = replace(run, params=replace(run.params, lr_min="auto"))
    assert "lr_min 0.001 auto: lowered to lr_max" in render(tmp_path, lowered, explanations).text


def test_a_run_that_augments_nothing_is_not_said_to(
    run: Run, explanations: Explanations, tmp_path: Path
) -> None:
    assert (
        "Training is harder, with augmented images, so" in render(tmp_path, run, explanations).text
    )
    plain = run.params.augment.model_copy(update={"padding": 0, "flip": False, "cutout": 0})
    changed = replace(
        run,
        params=replace(run.params, augment=plain),
        train=run.train | {"ema_decay": 0.9, "kept_epoch": 2},
    )
    text = render(tmp_path, changed, explanations).text
    assert "This run augments nothing" in text
    assert "augmented" not in text
    assert "At epoch 2, whose weights are kept" in text
    assert "validation and test of their running average" in text


def test_without_validation(run: Run, explanations: Explanations, tmp_path: Path) -> None:
    history, train = (
        {name: value for name, value in part.items() if not name.startswith("val")}
        for part in (HISTORY, TRAIN)
    )
    page = render(tmp_path, replace(run, history=history, train=train), explanations)
    assert "No images were held out" in page.text
    assert "Validation loss" not in page.text


def test_without_errors(bundle: Bundle, few_digits: Dataset, tmp_path: Path) -> None:
    run = make_run(few_digits, noisy_logits(few_digits.test_labels, 10, 0))
    page = render(tmp_path, run, explain(bundle, few_digits.test_images, run.cases, 2))
    assert "100.00%" in page.text
    assert "every test image is classified correctly" in page.text
    assert page.count("li") == 0


def test_everything_wrong(bundle: Bundle, few_digits: Dataset, tmp_path: Path) -> None:
    run = make_run(few_digits, -noisy_logits(few_digits.test_labels, 10, 0.1))
    page = render(tmp_path, run, explain(bundle, few_digits.test_images, run.cases, 2))
    assert "0.00%" in page.text
    assert page.count("li") == 100


def test_a_class_never_predicted_and_one_never_shown(
    bundle: Bundle, few_digits: Dataset, tmp_path: Path
) -> None:
    logits = noisy_logits(few_digits.test_labels, 10, 1)
    logits[:, 3] = -9
    kept = few_digits.test_labels != 7
    dataset = replace(
        few_digits,
        test_images=few_digits.test_images[kept],
        test_labels=few_digits.test_labels[kept],
    )
    run = make_run(dataset, logits[kept])
    page = render(tmp_path, run, explain(bundle, dataset.test_images, run.cases, 2))
    assert run.result.confusion[:, 3].sum() == 0
    assert "nan" not in page.text.lower()
    assert re.search(r"3 \d+ 0\.0% 0\.0% to \d+\.\d% never said", page.text)
    assert "7 0 – –" in page.text


def test_two_classes_with_awkward_names(few_digits: Dataset, tmp_path: Path) -> None:
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
    run = make_run(dataset, noisy_logits(dataset.test_labels, 2, 3))
    page = render(tmp_path, run, explain(bundle, dataset.test_images, run.cases, 2))
    assert names[0] in page.text
    assert names[1] in page.text


def test_at_most_8_mb_with_the_most_images(run: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    network = NETWORKS["resnet18"](10, width=2).eval().requires_grad_(False)
    config = replace(run.config, architecture="resnet18", layers=network.layers)
    few = explain(Bundle(network, config), run.dataset.test_images, run.cases, 2)
    item = few.mistakes[0]

    def noisy() -> Explained:
        """Noise is the worst that a PNG can meet."""
        image = random.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        predicted, true = (
            {name: random.random((32, 32)).astype(np.float32) for name in maps}
            for maps in (item.predicted, item.true)
        )
        return Explained(item.case, image, predicted, true)

    many = [noisy() for _ in range(200)]
    cases = [replace(item.case, index=index % 100) for index in range(GALLERY + 50)]
    full = replace(run, config=config, cases=cases)
    page = render(tmp_path, full, replace(few, mistakes=many, correct=many))
    assert page.count("li") == GALLERY
    assert (tmp_path / "index.html").stat().st_size < 8_000_000
