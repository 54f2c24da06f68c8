"""Tests that every figure can be drawn and shows its numbers and names."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.explain import Explanations
from cifarlens.figures.dataset import (
    channel_images,
    colourful_image,
    first_of_each_class,
)
from cifarlens.figures.galleries import _gallery, _name, draw_galleries
from cifarlens.figures.lr_curve import lr_curve
from cifarlens.figures.reliability import reliability_figure
from cifarlens.figures.style import render_svg
from cifarlens.figures.training import training_figures
from cifarlens.figures.trust import faithfulness_figure, sanity_figure
from cifarlens.report.run import Run


def words(figure: Figure) -> str:
    return " ".join(ET.fromstring(render_svg(figure, "x", "x")).itertext())


def test_the_lr_curve_names_both_rates(run: Run) -> None:
    text = words(lr_curve(run.curve, run.finder))
    for name in ("lr_min = 0.0001", "lr_max = 0.02", "valley", "loss with label smoothing"):
        assert name in text


def test_a_diverging_loss_does_not_flatten_the_lr_curve() -> None:
    rates, losses = np.geomspace(1e-5, 1, 50), np.r_[np.linspace(2.3, 1.2, 40), np.full(10, 1e4)]
    metrics = {"lr_min": 1e-4, "lr_max": 1e-2, "lr_valley_start": 1e-3, "lr_valley_end": 1e-1}
    curve = {"lr": rates, "loss": losses, "smooth": losses}
    low, high = lr_curve(curve, metrics).axes[0].get_ylim()
    assert low < 1.2
    assert 2.3 < high < 4


def test_the_parts_of_the_dataset_figures(few_digits: Dataset) -> None:
    rows = first_of_each_class(np.array([1, 0, 1, 1]), 3, 2)
    assert [row.tolist() for row in rows] == [[1], [0, 2], []]
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    split = channel_images(image)
    np.testing.assert_array_equal(split["red"] + split["green"] + split["blue"], image)


def test_the_channel_example_has_three_different_channels(few_digits: Dataset) -> None:
    images = np.zeros((3, 32, 32, 3), np.uint8)
    images[0, :16, :, 0] = 255  # red only
    images[1, :16] = 255  # grey
    images[2, :16, :, 0], images[2, :, :16, 1], images[2, 8:24, :, 2] = 255, 255, 255
    dataset = replace(few_digits, train_images=images)
    assert colourful_image(dataset, [np.arange(3)]) == 2


def test_training_curves_show_validation_test_and_the_peak(run: Run) -> None:
    figures = training_figures(run.history, run.rates, run.result, 2)
    assert list(figures) == ["loss", "accuracy", "rate"]
    assert "validation" in words(figures["loss"])
    for name, value in (("loss", run.result.loss), ("accuracy", run.result.accuracy)):
        (mark,) = (x for x in figures[name].axes[0].lines if x.get_label() == "test")
        assert mark.get_xydata().tolist() == [[2, value]]
    (curve, peak) = figures["rate"].axes[0].lines
    assert list(curve.get_ydata()) == run.rates["lr"]
    assert list(peak.get_xdata()) == [3]
    assert "0.02 at step 3" in words(figures["rate"])


def test_the_reliability_diagram_shows_every_filled_bin(run: Run) -> None:
    upper, lower = reliability_figure(run.result.calibration).axes
    assert len(upper.collections[0].get_segments()) == len(run.result.calibration.filled_bins)
    assert sum(bar.get_height() for bar in lower.patches) == pytest.approx(1)


def test_the_faithfulness_figure_names_every_map(explanations: Explanations) -> None:
    names = ["prep", "layer3", "random"]
    text = words(faithfulness_figure(explanations.faithfulness, names))
    for name in (*names, "original"):
        assert name in text
    assert "layer1" not in text


def test_the_sanity_figure_has_a_line_per_method(explanations: Explanations) -> None:
    figure = sanity_figure(explanations.sanity, "layer2")
    for name in ("Grad-CAM", "LayerCAM", "trained", "+ head", "+ prep"):
        assert name in words(figure)
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == "HiResCAM")
    assert list(line.get_ydata()) == [1, *explanations.sanity.similarity["layer2 HiResCAM"]]


def test_a_gallery_depends_on_the_opacity_and_needs_cases(
    explanations: Explanations, few_digits: Dataset, tmp_path: Path
) -> None:
    sheets = []
    for opacity in (0, 0.5, 1):
        draw_galleries(tmp_path, explanations, few_digits.classes, opacity)
        sheets.append((tmp_path / "misclassified.png").read_bytes())
    assert len(set(sheets)) == 3
    item = explanations.mistakes[0]
    empty = replace(item, true_maps=dict.fromkeys(item.true_maps, np.zeros((32, 32), np.float32)))
    (axes,) = (
        axes for axes in _gallery("", [empty], few_digits.classes, "layer1", 1).axes if axes.texts
    )
    assert [text.get_text() for text in axes.texts] == ["no map"]
    draw_galleries(tmp_path, replace(explanations, mistakes=[]), few_digits.classes, 0.6)
    assert [path.name for path in tmp_path.iterdir()] == ["correct.png"]


def test_a_gallery_names_a_class_by_its_label_if_matplotlib_cannot_draw_the_name() -> None:
    classes = ("Größe & Maß", "日本語", "العربية", "a name of sixty characters", "$x_1$")
    names = [_name(label, classes) for label in range(5)]
    assert names == ["Größe & Maß", "class 1", "class 2", "a name of sixty c…", "$x_1$"]
