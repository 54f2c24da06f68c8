"""The reliability diagram: accuracy over confidence, and how many images stand behind it."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..evaluation.calibration import BINS, Calibration
from ..evaluation.metrics import wilson_interval
from .style import (
    BLUE,
    GRID,
    MUTED,
    VERMILION,
    label_axes,
    new_figure,
    percent_axis,
    save_png,
    styled,
)


def draw_reliability(path: Path, found: Calibration) -> None:
    """Writes `reliability_figure` as a PNG."""
    save_png(path, reliability_figure(found))


def reliability_figure(found: Calibration) -> Figure:
    """Accuracy of each bin with its 95% Wilson interval, its gap to the diagonal, and a histogram
    of the images."""
    with styled():
        figure = new_figure(5.4, 5.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _draw_gaps(upper, found)
        title = f"Reliability (expected calibration error {found.error:.2%})"
        label_axes(upper, title, "", "accuracy")
        edges = np.arange(BINS + 1) / BINS
        shares = found.images / found.images.sum()
        lower.bar(edges[:-1], shares, 0.9 / BINS, align="edge", color=BLUE)
        label_axes(lower, "", "confidence (probability of the predicted class)", "images")
        percent_axis(lower, "x")
        percent_axis(lower)
        lower.set_xlim(0, 1.012)
        lower.grid(visible=False, axis="x")
    return figure


def _draw_gaps(axes: Axes, found: Calibration) -> None:
    places = found.filled
    confidence, accuracy = found.confidence[places], found.accuracy[places]
    pairs = zip(found.correct[places], found.images[places], strict=True)
    low, high = np.array([wilson_interval(int(hit), int(count)) for hit, count in pairs]).T
    spread = [np.maximum(accuracy - low, 0), np.maximum(high - accuracy, 0)]
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)))
    gaps = axes.vlines(confidence, accuracy, confidence, VERMILION, label="gap")
    gaps.set(linewidth=8, alpha=0.45, capstyle="butt")
    axes.errorbar(
        *(confidence, accuracy),
        yerr=spread,
        fmt="o",
        color=BLUE,
        ecolor=BLUE,
        markersize=6,
        linewidth=1.4,
        label="accuracy",
    )
    axes.set_ylim(-0.02, 1.04)
    axes.axhline(0, color=GRID, linewidth=0.8)
    percent_axis(axes)
    axes.legend(loc="lower right" if confidence.min() < 0.6 else "upper left")
