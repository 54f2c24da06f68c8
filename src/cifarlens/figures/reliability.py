"""Draws the reliability diagram: accuracy against confidence, and the share of images per bin."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..display.formats import percent
from ..evaluation.calibration import BINS, Calibration
from ..evaluation.metrics import wilson_interval
from .style import (
    BLUE,
    DASHED,
    GRID,
    MUTED,
    PANEL,
    VERMILION,
    figure_style,
    new_figure,
    set_percent_axis,
)


def reliability_figure(calibration: Calibration, before: Calibration | None = None) -> Figure:
    """Draws the accuracy of each bin and a histogram of the images.

    Each accuracy has its 95% Wilson interval and its gap to the confidence. If `before` is given,
    the figure also draws the accuracy without the temperature.
    """
    with figure_style():
        figure = new_figure(PANEL, 4.8)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        if before:
            bins = before.filled_bins
            points = before.confidence[bins], before.accuracy[bins]
            upper.plot(*points, "o", color=MUTED, fillstyle="none", label="before")
        _draw_gaps(upper, calibration)
        title = f"Reliability diagram (expected calibration error {percent(calibration.error, 2)})"
        upper.set(title=title, ylabel="accuracy")
        edges = np.arange(BINS + 1) / BINS
        shares = calibration.images / calibration.images.sum()
        lower.bar(edges[:-1], shares, 0.9 / BINS, align="edge", color=BLUE)
        lower.set(
            xlabel="confidence (probability of the predicted class)", ylabel="share of images"
        )
        set_percent_axis(lower, "x")
        set_percent_axis(lower)
        lower.set_xlim(0, 1.012)
        lower.grid(visible=False, axis="x")
    return figure


def _draw_gaps(axes: Axes, calibration: Calibration) -> None:
    bins = calibration.filled_bins
    confidence, accuracy = calibration.confidence[bins], calibration.accuracy[bins]
    interval = wilson_interval(calibration.correct[bins], calibration.images[bins])
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=DASHED)
    gaps = axes.vlines(confidence, accuracy, confidence, VERMILION, label="gap")
    gaps.set(linewidth=8, alpha=0.45, capstyle="butt")
    axes.errorbar(
        confidence,
        accuracy,
        yerr=np.abs(interval - accuracy),
        fmt="o",
        color=BLUE,
        markersize=6,
        linewidth=1.4,
        label="accuracy",
    )
    axes.set_ylim(-0.02, 1.04)
    axes.axhline(0, color=GRID, linewidth=0.8)
    set_percent_axis(axes)
    axes.legend(loc="lower right" if confidence.min() < 0.6 else "upper left")
