"""Charts that only the report shows: accuracy of each class, faithfulness of the maps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.metrics import Evaluation, wilson_interval
from ..explanation.faithfulness import Faithfulness
from .style import (
    BLUE,
    GRID,
    INK,
    MUTED,
    PANEL,
    VERMILION,
    label_axes,
    new_figure,
    percent_axis,
    styled,
)


def class_accuracy_figure(result: Evaluation) -> Figure:
    """Each class's accuracy with its 95% Wilson interval; a class without images has none."""
    rows = [row for row, count in enumerate(result.class_images) if count]
    shares = result.class_accuracy[rows]
    pairs = zip(result.confusion.diagonal()[rows], result.class_images[rows], strict=True)
    low, high = np.array([wilson_interval(int(hit), int(count)) for hit, count in pairs]).T
    with styled():
        figure = new_figure(PANEL, max(2.2, 1.1 + 0.27 * len(result.classes)))
        axes = figure.subplots()
        spread = [np.maximum(shares - low, 0), np.maximum(high - shares, 0)]
        axes.errorbar(shares, rows, xerr=spread, fmt="o", color=BLUE, markersize=6, linewidth=1.6)
        axes.axvline(result.accuracy, color=VERMILION, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.set_yticks(range(len(result.classes)), result.classes)
        axes.set_ylim(len(result.classes) - 0.4, -0.6)
        x = f"accuracy (dashed: all, {result.accuracy:.1%})"
        label_axes(axes, "Accuracy of each class", x, "class")
        percent_axis(axes, "x")
    return figure


def faithfulness_figure(measured: Faithfulness, names: Sequence[str]) -> Figure:
    """For each of these maps what is left of the class's probability without the pixels it points
    to."""
    halves = measured.most, measured.least
    with styled():
        figure = new_figure(PANEL, 1.4 + 0.36 * len(names))
        axes = figure.subplots()
        most, least = ([float(part[name].mean()) for name in names] for part in halves)
        places = range(len(names))
        axes.hlines(places, most, least, color=GRID, linewidth=5, zorder=1)
        axes.scatter(most, places, color=VERMILION, s=42, label="most important removed")
        axes.scatter(least, places, color=BLUE, s=42, marker="s", label="least important removed")
        untouched = float(measured.untouched.mean())
        axes.axvline(untouched, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.annotate(
            "untouched",
            (untouched, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=INK,
            fontsize=9,
        )
        axes.set_yticks(places, names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        label_axes(axes, "", "mean probability of the predicted class", "map")
        percent_axis(axes, "x")
        figure.legend(loc="outside upper left", ncols=2)
    return figure
