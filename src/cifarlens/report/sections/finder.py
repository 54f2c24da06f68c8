"""Prepares the section on the learning-rate finder."""

from typing import Any

from matplotlib.legend import Legend

from ...figures.lr_curve import lr_curve
from ...figures.style import PANEL, render_svg
from ..run import Run

ALT_TEXT = "Loss against learning rate, each step and smoothed, with the valley, lr_min and lr_max"


def finder_section(run: Run) -> dict[str, Any]:
    """Returns the values for finder.html.j2."""
    finder = run.finder
    figure = lr_curve(run.curve, finder)
    figure.axes[0].set_title("", loc="left")  # the section has a heading instead
    figure.set_size_inches(PANEL, figure.get_figheight())
    for legend in figure.findobj(Legend):
        legend.set(frame_on=True)  # the legend may cover the line of lr_min
    return {
        "chart": render_svg(figure, "finder", ALT_TEXT),
        "middle": finder["lr_valley_start"] ** 0.5 * finder["lr_valley_end"] ** 0.5,
    }
