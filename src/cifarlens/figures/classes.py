"""Draws the accuracy of each class."""

import numpy as np
from matplotlib.figure import Figure

from ..display.formats import percent
from ..evaluation.metrics import Evaluation, wilson_interval
from .style import BLUE, DASHED, PANEL, VERMILION, figure_style, new_figure, set_percent_axis


def class_accuracy_figure(result: Evaluation) -> Figure:
    """Draws the accuracy of each class with its 95% Wilson interval.

    A class without images has a row without a mark.
    """
    rows = [row for row, count in enumerate(result.class_images) if count]
    shares = result.class_accuracy[rows]
    interval = wilson_interval(result.confusion.diagonal()[rows], result.class_images[rows])
    with figure_style():
        figure = new_figure(PANEL, max(2.2, 1.1 + 0.27 * len(result.classes)))
        axes = figure.subplots()
        spread = np.abs(interval - shares)
        axes.errorbar(shares, rows, xerr=spread, fmt="o", color=BLUE, markersize=6, linewidth=1.6)
        axes.axvline(result.accuracy, color=VERMILION, linewidth=1.2, linestyle=DASHED)
        axes.set_yticks(range(len(result.classes)), result.classes)
        axes.set_ylim(len(result.classes) - 0.4, -0.6)
        x = f"accuracy (dashed: all classes, {percent(result.accuracy)})"
        axes.set(title="Accuracy of each class", xlabel=x, ylabel="class")
        set_percent_axis(axes, "x")
    return figure
