"""Prepares the section on calibration: accuracy against confidence."""

from typing import Any

from ...evaluation.calibration import BINS
from ...figures.reliability import reliability_figure
from ...figures.style import render_svg
from ..run import Run

ALT_TEXT = "Accuracy against confidence; the table next to it has the numbers"


def calibration_section(run: Run) -> dict[str, Any]:
    """Returns the values for calibration.html.j2."""
    before = run.result.calibration if run.temperature != 1 else None
    chart = reliability_figure(run.scaled.calibration, before)
    chart.axes[0].set_title("", loc="left")  # the section has a heading instead
    return {"reliability": render_svg(chart, "reliability", ALT_TEXT), "bins": BINS}
