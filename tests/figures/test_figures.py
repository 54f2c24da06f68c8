"""Every figure is drawn whole, in both of its forms, and says what it shows."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.explain import Explanations
from cifarlens.figures.classes import class_accuracy_figure
from cifarlens.figures.confusion import confusion_figure, row_shares
from cifarlens.figures.dataset import (
    channel_images,
    class_balance,
    draw_dataset,
    first_of_each_class,
    vivid,
)
from cifarlens.figures.galleries import draw_galleries
from cifarlens.figures.lr_curve import lr_curve
from cifarlens.figures.reliability import reliability_figure
from cifarlens.figures.style import render_svg, save_png
from cifarlens.figures.training import draw_training, training_figures
from cifarlens.figures.trust import faithfulness_figure, sanity_figure
from cifarlens.report.run import Run


def words(figure: Figure) -> str:
    return " ".join(ET.fromstring(render_svg(figure, "x", "x")).itertext())


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        picture.load()
        return picture.size


def test_lr_curve_names_both_rates(run: Run) -> None:
    text = words(lr_curve(run.curve, run.finder))
    assert "lr_min = 0.0001" in text
    assert "lr_max = 0.02" in text
    assert "valley" in text
    assert "train loss (cross-entropy, nats)" in text


def test_lr_curve_keeps_the_minimum_in_sight_when_the_loss_explodes() -> None:
    rates, losses = np.geomspace(1e-5, 1, 50), np.r_[np.linspace(2.3, 1.2, 40), np.full(10, 1e4)]
    metrics = {"lr_min": 1e-4, "lr_max": 1e-2, "lr_valley_start": 1e-3, "lr_valley_end": 1e-1}
    curve = {"lr": rates, "loss": losses, "smooth": losses}
    low, high = lr_curve(curve, metrics).axes[0].get_ylim()
    assert low < 1.2
    assert 2.3 < high < 4


def test_dataset_figures(few_digits: Dataset, tmp_path: Path) -> None:
    draw_dataset(tmp_path, few_digits)
    names = ["channels.png", "class_balance.png", "examples.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert all(min(size(path)) > 300 for path in tmp_path.iterdir())
    before = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    draw_dataset(tmp_path, few_digits)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before


def test_class_balance_shows_counts(few_digits: Dataset) -> None:
    labels = np.repeat(range(10), [1_180, *[20] * 8, 0])
    assert "1,180" in words(class_balance(replace(few_digits, train_labels=labels)))


def test_examples_are_the_first_and_may_be_few() -> None:
    rows = first_of_each_class(np.array([1, 0, 1, 1]), 3, 2)
    assert [row.tolist() for row in rows] == [[1], [0, 2], []]


def test_a_class_with_few_images_is_drawn(few_digits: Dataset, tmp_path: Path) -> None:
    few = replace(
        few_digits,
        train_images=few_digits.train_images[:4],
        train_labels=few_digits.train_labels[:4],
    )
    draw_dataset(tmp_path, few)
    assert (tmp_path / "examples.png").is_file()


def test_channels_add_up_to_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    split = channel_images(image)
    assert list(split) == ["image", "red", "green", "blue"]
    np.testing.assert_array_equal(split["red"] + split["green"] + split["blue"], image)


def test_the_channel_example_has_something_in_every_channel(few_digits: Dataset) -> None:
    images = np.zeros((3, 32, 32, 3), np.uint8)
    images[0, :16, :, 0] = 255  # red only
    images[1, :16] = 255  # grey
    images[2, :16, :, 0], images[2, :, :16, 1], images[2, 8:24, :, 2] = 255, 255, 255
    dataset = replace(few_digits, train_images=images)
    assert vivid(dataset, [np.arange(3)]) == 2


def test_confusion_counts_and_shares(tmp_path: Path) -> None:
    confusion = np.array([[1_900, 100], [0, 0]])
    figure = confusion_figure(confusion, ("cat", "dog"))
    text = words(figure)
    assert "1,900" in text
    assert "predicted class" in text
    np.testing.assert_allclose(row_shares(confusion), [[0.95, 0.05], [0, 0]])
    save_png(tmp_path / "c.png", figure)
    assert min(size(tmp_path / "c.png")) > 300


def test_training_curves(run: Run, tmp_path: Path) -> None:
    figures = training_figures(run.history, run.rates, run.result)
    assert list(figures) == ["loss", "accuracy", "rate"]
    assert "validation" in words(figures["loss"])
    draw_training(tmp_path / "t.png", run.history, run.rates, run.result)
    assert size(tmp_path / "t.png") == (1440, 1680)


def test_training_curves_without_validation(run: Run) -> None:
    history = {name: run.history[name] for name in ("epoch", "train_loss", "train_accuracy")}
    for figure in training_figures(history, run.rates, run.result).values():
        assert "validation" not in words(figure)


def test_training_curves_of_one_epoch(run: Run) -> None:
    history = {name: column[:1] for name, column in run.history.items()}
    assert "train" in words(training_figures(history, run.rates, run.result)["accuracy"])


def test_the_gap_to_the_test_images_and_the_peak_are_drawn(run: Run) -> None:
    figures = training_figures(run.history, run.rates, run.result)
    for name, value in (("loss", run.result.loss), ("accuracy", run.result.accuracy)):
        (line,) = (x for x in figures[name].axes[0].lines if x.get_label() == "test")
        assert line.get_ydata() == [value, value]
    (curve, peak) = figures["rate"].axes[0].lines
    assert list(curve.get_ydata()) == run.rates["lr"]
    assert list(peak.get_xdata()) == [3]
    assert "0.02 at step 3" in words(figures["rate"])


def test_class_accuracy_has_a_row_a_class(run: Run) -> None:
    figure = class_accuracy_figure(run.result)
    assert len(figure.axes[0].get_yticklabels()) == 10
    assert f"{run.result.accuracy:.1%}" in words(figure)


def test_reliability_shows_every_filled_bin(run: Run, tmp_path: Path) -> None:
    figure = reliability_figure(run.result.calibration)
    upper, lower = figure.axes
    assert len(upper.collections[0].get_segments()) == len(run.result.calibration.filled)
    assert sum(bar.get_height() for bar in lower.patches) == pytest.approx(1)
    save_png(tmp_path / "r.png", figure)
    assert min(size(tmp_path / "r.png")) > 300


def test_faithfulness_names_every_map(explanations: Explanations) -> None:
    names = ["prep", "layer3", "random"]
    text = words(faithfulness_figure(explanations.faithfulness, names))
    for name in (*names, "untouched"):
        assert name in text
    assert "layer1" not in text


def test_sanity_has_a_line_a_method(explanations: Explanations) -> None:
    figure = sanity_figure(explanations.sanity, "layer2")
    for name in ("Grad-CAM", "LayerCAM", "trained", "+ head", "+ prep"):
        assert name in words(figure)
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == "HiResCAM")
    assert list(line.get_ydata()) == [1, *explanations.sanity.similarity["layer2 HiResCAM"]]


def test_galleries_are_the_same_again(
    explanations: Explanations, few_digits: Dataset, tmp_path: Path
) -> None:
    draw_galleries(tmp_path, explanations, few_digits.classes, 0.6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["correct.png", "misclassified.png"]
    before = (tmp_path / "misclassified.png").read_bytes()
    draw_galleries(tmp_path, explanations, few_digits.classes, 0.6)
    assert (tmp_path / "misclassified.png").read_bytes() == before


def test_a_gallery_without_images_says_so(
    explanations: Explanations, few_digits: Dataset, tmp_path: Path
) -> None:
    draw_galleries(tmp_path, replace(explanations, mistakes=[]), few_digits.classes, 0.6)
    assert size(tmp_path / "misclassified.png")[1] > 100


@pytest.mark.parametrize("opacity", [0.0, 1.0])
def test_opacity_changes_the_gallery(
    explanations: Explanations, few_digits: Dataset, tmp_path: Path, opacity: float
) -> None:
    for name, value in (("a", 0.5), ("b", opacity)):
        draw_galleries(tmp_path / name, explanations, few_digits.classes, value)
    sheets = [(tmp_path / name / "misclassified.png").read_bytes() for name in ("a", "b")]
    assert sheets[0] != sheets[1]
