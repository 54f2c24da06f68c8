"""How far to trust the maps: the charts of the faithfulness and the randomisation test."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..explanation.faithfulness import Faithfulness
from ..explanation.gradcam import METHODS, map_name
from ..explanation.sanity import CHANGED, Sanity
from .style import (
    BLUE,
    DASHED,
    GREEN,
    GRID,
    MUTED,
    ORANGE,
    PANEL,
    VERMILION,
    new_figure,
    percent_axis,
    styled,
    write_above,
)

LOOKS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (ORANGE, "D"))


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
        axes.axvline(untouched, color=MUTED, linewidth=1.2, linestyle=DASHED)
        write_above(axes, untouched, "untouched")
        axes.set_yticks(places, names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set(xlabel="mean probability of the predicted class", ylabel="map")
        percent_axis(axes, "x")
        figure.legend(loc="outside upper left", ncols=2)
    return figure


def sanity_figure(sanity: Sanity, layer: str) -> Figure:
    """How alike each method's maps of a layer remain while the network forgets."""
    with styled():
        figure = new_figure(5.4, 3.9)
        axes = figure.subplots()
        axes.axhline(CHANGED, color=MUTED, linewidth=1.2, linestyle=DASHED)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        places = range(len(sanity.steps) + 1)
        for method, (colour, marker) in zip(METHODS, LOOKS, strict=True):
            values = np.r_[1, sanity.similarity[map_name(layer, method)]]
            axes.plot(places, values, color=colour, marker=marker, label=method)
        axes.set_xticks(places, ["trained", *(f"+ {step}" for step in sanity.steps)])
        axes.set_ylim(min(-0.25, axes.get_ylim()[0]), 1.05)
        axes.legend(loc="upper right", ncols=2)
        axes.set_xlabel("weights drawn anew, one part after another")
        axes.set_ylabel("rank correlation")
    return figure
