"""The page that compares two runs."""

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comparison_making import two_runs

from cifarlens.comparison.page import write_comparison
from cifarlens.comparison.results import Results
from cifarlens.dataset.arrays import Dataset
from cifarlens.report.pictures import image_uri


def write(folder: Path, a: Results, b: Results) -> str:
    """Returns the page, with each run of white space as one space."""
    write_comparison(folder / "compare.html", a, b)
    return re.sub(r"\s+", " ", html.unescape((folder / "compare.html").read_text("utf-8")))


def galleries(page: str) -> list[str]:
    return page.split('<section aria-labelledby="only-')[1:]


@pytest.fixture(scope="module")
def runs(few_digits: Dataset) -> tuple[Results, Results]:
    return two_runs(few_digits, lost=3, gained=9)


def test_verdict_parameters_and_metrics(runs, tmp_path):
    page = write(tmp_path, *runs)
    assert '<h1 id="title">faster is better by 6.00 percentage points, which may be chance' in page
    assert "main alone is right on 3 of the test images, faster alone on 9" in page
    assert "a probability of 14.6% (McNemar's test)" in page
    assert '<th scope="row">lr_max</th><td>auto</td><td>0.02</td>' in page
    assert '<th scope="row">epochs</th>' not in page
    accuracy = '<th scope="row">evaluate: accuracy</th><td class="text">better, may be chance'
    assert accuracy in page
    assert "val_loss" not in page
    assert "0123abc" in page
    assert "4567def" in page
    a, b = runs
    changed = replace(b, metrics={**b.metrics, "train": {"val_loss": 0.4}}, code={})
    page = write(tmp_path, a, changed)
    row = 'train: val_loss</th><td class="text">better, not tested</td><td>0.5</td><td>0.4</td>'
    assert f"{row}<td>-0.1</td>" in page
    assert "code of the stages differs too, in <code>src/cifarlens/training</code>" in page


def test_both_galleries_show_the_right_images_with_a_map_of_each_network(runs, tmp_path):
    a, b = runs
    only_a, only_b = galleries(write(tmp_path, a, b))
    for gallery, expected in ((only_a, a.hits & ~b.hits), (only_b, b.hits & ~a.hits)):
        shown = [int(index) for index in re.findall(r'aria-label="Test image (\d+)"', gallery)]
        assert sorted(shown) == np.flatnonzero(expected).tolist()
        for index in shown:
            assert image_uri(a.images[index]) in gallery
            for letter, run in (("A", a), ("B", b)):
                name = run.classes[run.logits[index].argmax()]
                assert f'alt="Grad-CAM of {name} in {letter} for test image {index}"' in gallery
    assert only_a.count("A, right") == only_a.count("B, wrong") == 3
    assert only_b.count("A, wrong") == only_b.count("B, right") == 9


def test_a_difference_beyond_chance_names_the_classes(few_digits, tmp_path):
    a, b = two_runs(few_digits, lost=40, gained=0)
    page = write(tmp_path, a, b)
    assert "main is better by 40.00 percentage points, beyond chance" in page
    assert "12 of 40 such images" in page
    assert "No test image" in galleries(page)[1]
    assert "Classes that change most" in page


def test_among_ten_classes_one_must_change_clearly(runs, tmp_path):
    a, _ = runs
    lost = np.flatnonzero(a.hits & (a.labels == 0))[:6]  # alone, 6 of 6 are beyond chance: 3.1%
    logits = a.logits.copy()
    logits[lost, 1] += 20
    page = write(tmp_path, a, replace(a, logits=logits))
    assert len(lost) == 6
    assert "main is better by 6.00 percentage points, beyond chance" in page
    assert '<th scope="row">0</th><td class="text">worse, may be chance</td>' in page


def test_probabilities_use_each_runs_temperature(runs, tmp_path):
    a, b = runs
    metrics = {**b.metrics, "evaluate": {**b.metrics["evaluate"], "temperature": 1000.0}}
    only_a, _ = galleries(write(tmp_path, a, replace(b, metrics=metrics)))
    assert only_a.count("</b> 10%") == 3  # B's, of ten classes


def test_the_same_run_twice_has_no_differences(runs, tmp_path):
    page = write(tmp_path, runs[0], runs[0])
    for text in (
        "main and main are equally accurate",
        "All parameters are the same",
        "All metrics",
    ):
        assert text in page


def test_other_test_images_or_classes_are_not_paired(runs, tmp_path):
    a, b = runs
    for other in (
        replace(b, images=255 - b.images),
        replace(b, classes=b.classes[::-1]),
        replace(b, images=b.images[1:], labels=b.labels[1:], logits=b.logits[1:]),
    ):
        page = write(tmp_path, a, other)
        assert "main and faster have different classes or test images" in page
        assert "only if both runs have the same classes and the same test images" in page
        assert "chance" not in page
        assert galleries(page) == []
        assert '<th scope="row">evaluate: accuracy</th>' in page


def test_older_runs_lack_curves_or_a_network(runs, tmp_path):
    a, b = runs
    page = write(tmp_path, replace(a, history={}, rates={}), replace(b, bundle=None))
    assert "cannot load the network of B" in page
    assert "B, training" in page
    assert "A, training" not in page
    bare = [replace(run, history={}, rates={}) for run in runs]
    assert "Curves" not in write(tmp_path, bare[0], bare[1])


def test_names_are_escaped_and_the_same_runs_give_the_same_bytes(few_digits, tmp_path):
    odd = replace(few_digits, classes=("<b>$x$ & co", *few_digits.classes[1:]))
    a, b = two_runs(odd, lost=3, gained=9)
    a, b = replace(a, name="a<i>&b"), replace(b, pending={"seed": "<u>"})
    pages = []
    for _ in range(2):
        write_comparison(tmp_path / "compare.html", a, b)
        pages.append((tmp_path / "compare.html").read_bytes())
    assert pages[0] == pages[1]
    assert not re.search(rb"<i>|<u>|<b>\$", pages[0])
    assert not re.search(rb"https?://(?!www\.w3\.org/)", pages[0])
