"""Draws the curves of two runs on the same axes."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..figures.style import (
    BLUE,
    DASHED,
    PANEL,
    VERMILION,
    figure_style,
    new_figure,
    set_percent_axis,
)
from .results import Results

PARTS = (("train", "training", "-"), ("val", "validation", DASHED))
LABELS = {"loss": "loss (cross-entropy)", "accuracy": "accuracy", "learning rate": "learning rate"}


def curve_figures(a: Results, b: Results) -> dict[str, Figure]:
    """Draws loss, accuracy and learning rate against epochs; a run without them has no lines."""
    with figure_style():
        figures = {name: new_figure(PANEL, 3.2) for name in LABELS}
        axes = {name: figure.subplots() for name, figure in figures.items()}
        # A thin line over a wide one: equal curves show both colours.
        for run, letter, colour, width in ((a, "A", BLUE, 3.6), (b, "B", VERMILION, 1.6)):
            look: dict[str, Any] = {"color": colour, "linewidth": width}
            epochs, steps = run.history.get("epoch", ()), run.rates.get("step", ())
            for quantity in ("loss", "accuracy"):
                for prefix, part, dash in PARTS:
                    values = run.history.get(f"{prefix}_{quantity}")
                    if values:
                        label = f"{letter}, {part}"
                        axes[quantity].plot(epochs, values, label=label, linestyle=dash, **look)
            if epochs and steps:  # runs with different batch sizes have different steps
                places = [step * epochs[-1] / steps[-1] for step in steps]
                axes["learning rate"].plot(places, run.rates["lr"], label=letter, **look)
        for name, label in LABELS.items():
            axes[name].set(title=name.capitalize(), xlabel="epoch", ylabel=label)
            axes[name].xaxis.set_major_locator(MaxNLocator(integer=True))
            if axes[name].lines:
                axes[name].legend()
        set_percent_axis(axes["accuracy"])
    return figures
