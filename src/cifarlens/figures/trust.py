"""The chart of the model-randomisation test."""

import numpy as np
from matplotlib.figure import Figure

from ..explanation.gradcam import METHODS, map_name
from ..explanation.sanity import CHANGED, Sanity
from .style import BLUE, GREEN, MUTED, ORANGE, VERMILION, label_axes, new_figure, styled

LOOKS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (ORANGE, "D"))


def sanity_figure(found: Sanity, layer: str) -> Figure:
    """How alike each method's maps of a layer remain while the network forgets."""
    with styled():
        figure = new_figure(5.4, 3.9)
        axes = figure.subplots()
        axes.axhline(CHANGED, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.axhline(0, color=MUTED, linewidth=0.8)
        places = range(len(found.steps) + 1)
        for method, (colour, marker) in zip(METHODS, LOOKS, strict=True):
            values = np.r_[1, found.similarity[map_name(layer, method)]]
            axes.plot(places, values, color=colour, marker=marker, label=method)
        axes.set_xticks(places, ["trained", *(f"+ {step}" for step in found.steps)])
        axes.set_ylim(min(-0.25, axes.get_ylim()[0]), 1.05)
        axes.legend(loc="upper right", ncols=2)
        label_axes(axes, "", "weights drawn anew, one part after another", "rank correlation")
    return figure
