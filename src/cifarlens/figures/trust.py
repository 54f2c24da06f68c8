"""Draws the results of the faithfulness test and of the randomisation test."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..explanation.faithfulness import Faithfulness
from ..explanation.gradcam import METHODS, map_name
from ..explanation.sanity import MAX_SIMILARITY, Sanity
from .style import (
    BLUE,
    DASHED,
    GREEN,
    GRID,
    MUTED,
    ORANGE,
    PANEL,
    VERMILION,
    figure_style,
    new_figure,
    set_percent_axis,
    write_above,
)

LOOKS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (ORANGE, "D"))


def faithfulness_figure(faithfulness: Faithfulness, names: Sequence[str]) -> Figure:
    """Draws the class's probability without the most and without the least important pixels.

    Args:
        faithfulness: result of the test.
        names: maps to draw, one row each.
    """
    halves = faithfulness.most_removed, faithfulness.least_removed
    with figure_style():
        figure = new_figure(PANEL, 1.4 + 0.36 * len(names))
        axes = figure.subplots()
        most, least = ([float(part[name].mean()) for name in names] for part in halves)
        rows = range(len(names))
        axes.hlines(rows, most, least, color=GRID, linewidth=5, zorder=1)
        axes.scatter(most, rows, color=VERMILION, s=42, label="most important removed")
        axes.scatter(least, rows, color=BLUE, s=42, marker="s", label="least important removed")
        original = float(faithfulness.original.mean())
        axes.axvline(original, color=MUTED, linewidth=1.2, linestyle=DASHED)
        write_above(axes, original, "original images")
        axes.set_yticks(rows, names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel("mean probability of the predicted class")
        set_percent_axis(axes, "x")
        figure.legend(loc="outside upper left", ncols=2)
    return figure


def sanity_figure(sanity: Sanity, layer: str) -> Figure:
    """Draws the similarity of each method's maps of a layer after each randomisation step."""
    with figure_style():
        figure = new_figure(5.4, 3.9)
        axes = figure.subplots()
        axes.axhline(MAX_SIMILARITY, color=MUTED, linewidth=1.2, linestyle=DASHED)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        steps = range(len(sanity.steps) + 1)
        for method, (colour, marker) in zip(METHODS, LOOKS, strict=True):
            values = np.r_[1, sanity.similarity[map_name(layer, method)]]
            axes.plot(steps, values, color=colour, marker=marker, label=method)
        axes.set_xticks(steps, ["trained", *(f"+ {step}" for step in sanity.steps)])
        axes.set_ylim(min(-0.25, axes.get_ylim()[0]), 1.05)
        figure.legend(loc="outside upper left", ncols=2)
        axes.set_xlabel("parts with random weights, from head to first layer")
        axes.set_ylabel("rank correlation with the maps of\nthe trained network")
    return figure
